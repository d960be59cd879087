import { afterEach, describe, expect, it, vi } from "vitest";
import { createProgress, elapsed, SetupError, tickLine } from "../../cli/progress.ts";

afterEach(() => {
  vi.useRealTimers();
});

const recorder = (isTTY: boolean) => {
  const written: string[] = [];
  return { written, isTTY, columns: 80, write: (text: string) => written.push(text) };
};

describe("progress", () => {
  it("shows a sign of life every ten seconds in a log, with what was last said", async () => {
    vi.useFakeTimers();
    const stream = recorder(false);
    const work = createProgress(stream).step("engine", async (step) => {
      step.say("starting");
      await new Promise((resolve) => setTimeout(resolve, 15_000));
      step.tail("\u001b[32mhalf way\u001b[0m\r");
      await new Promise((resolve) => setTimeout(resolve, 10_000));
      return 7;
    });
    await vi.advanceTimersByTimeAsync(25_000);
    expect(await work).toBe(7);
    expect(stream.written).toEqual([
      "engine       starting\n",
      "engine       … 10 s\n",
      "engine       … 20 s: half way\n",
    ]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(stream.written).toHaveLength(3);
  });

  it("rewrites one line on a terminal and leaves none behind", async () => {
    vi.useFakeTimers();
    const stream = recorder(true);
    const work = createProgress(stream).step("engine", async (step) => {
      await new Promise((resolve) => setTimeout(resolve, 2_500));
      step.say("there");
    });
    await vi.advanceTimersByTimeAsync(3_000);
    await work;
    expect(stream.written).toEqual([
      "engine       … 1 s",
      "\r\u001b[K",
      "engine       … 2 s",
      "\r\u001b[K",
      "engine       there\n",
    ]);
  });

  it("says only what is being done when it is quiet", async () => {
    const stream = recorder(false);
    await createProgress(stream, true).step("pulumi", async (step) => {
      step.state("on PATH");
      step.say("building");
    });
    expect(stream.written).toEqual(["pulumi       building\n"]);
  });

  it("stops ticking when the work fails", async () => {
    vi.useFakeTimers();
    const stream = recorder(false);
    const work = createProgress(stream).step("engine", () => Promise.reject(new Error("no")));
    await expect(work).rejects.toThrow("no");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("keeps a tick within the terminal", () => {
    expect(tickLine("engine", 1_000, "x".repeat(200), 40)).toHaveLength(40);
    expect(elapsed(59_400)).toBe("59 s");
    expect(elapsed(95_000)).toBe("1 min 35 s");
  });

  it("renders a failure with the end of the log, where the log is, and the remedy", () => {
    const error = new SetupError("it failed", { logTail: ["a", "b"], logFile: "/x/y.log", remedy: "do this" });
    expect(error.render()).toBe("it failed\n  | a\n  | b\nlog: /x/y.log\nremedy: do this");
    expect(new SetupError("it failed").render()).toBe("it failed");
  });
});
