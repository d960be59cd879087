import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { isStaleLock, removeStaleLocks } from "../../cli/stale-locks.ts";

const state = mkdtempSync(join(tmpdir(), "mcp-locks-"));
afterAll(() => rmSync(state, { recursive: true, force: true }));

describe("a lock of Pulumi's", () => {
  const commandOf = (pid: number) => ({ 7: "pulumi", 8: "bash" })[pid];

  it.each([
    ["its Pulumi runs", { pid: 7, hostname: "here" }, false],
    ["its process is another program by now", { pid: 8, hostname: "here" }, true],
    ["its process is gone", { pid: 9, hostname: "here" }, true],
    ["it was taken on another host", { pid: 9, hostname: "there" }, false],
    ["it cannot be read", {}, false],
  ])("when %s is stale: %j → %j", (_, lock, expected) => {
    expect(isStaleLock(lock, "here", commandOf)).toBe(expected);
  });

  it("is removed with its attributes when it is stale, and only then", () => {
    const folder = join(state, ".pulumi", "locks", "organization", "project", "dev");
    mkdirSync(folder, { recursive: true });
    const write = (name: string, host: string) => {
      // This very process runs, and is no Pulumi.
      writeFileSync(join(folder, name), JSON.stringify({ pid: process.pid, hostname: host }));
      writeFileSync(join(folder, `${name}.attrs`), "{}");
    };
    write("mine.json", hostname());
    write("other.json", `not-${hostname()}`);
    expect(removeStaleLocks(state)).toEqual([process.pid]);
    expect(
      ["mine.json", "mine.json.attrs", "other.json", "other.json.attrs"].filter((name) =>
        existsSync(join(folder, name)),
      ),
    ).toEqual(["other.json", "other.json.attrs"]);
    expect(removeStaleLocks(join(state, "none"))).toEqual([]);
  });
});
