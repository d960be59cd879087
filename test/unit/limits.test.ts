import { describe, expect, test } from "vitest";
import { leastMemory, planLimits } from "../../components/limits.ts";
import { vault } from "./fixtures.ts";

// vault's session takes 32 MiB and 16 processes; the bridge 64 and 32; one spare waits for the next session.
describe("planLimits", () => {
  test.each([
    ["nothing said", {}, { memory: 1120, processes: 560, maxSessions: 32 }],
    ["sessions", { maxSessions: 1 }, { memory: 128, processes: 64, maxSessions: 1 }],
    ["memory", { memory: 512 }, { memory: 512, processes: 256, maxSessions: 13 }],
    ["the least memory", { memory: 128 }, { memory: 128, processes: 64, maxSessions: 1 }],
    ["processes", { processes: 99 }, { memory: 1120, processes: 99, maxSessions: 32 }],
    [
      "all of it, as the user will have it",
      { memory: 128, processes: 64, maxSessions: 50 },
      { memory: 128, processes: 64, maxSessions: 50 },
    ],
  ])("fits the others to %s", (_, options, limits) => {
    expect(planLimits(vault, options)).toEqual(limits);
  });

  test("has no memory limit under which no session fits", () => {
    expect(planLimits(vault, { memory: leastMemory(vault) }).maxSessions).toBe(1);
    expect(planLimits(vault, { memory: leastMemory(vault) - 1 }).maxSessions).toBe(0);
  });
});
