import { describe, expect, test } from "vitest";
import { CrashBackoff } from "../src/backoff.ts";
import { digestsOfFile } from "../src/bearer.ts";
import { readMessage } from "../src/envelope.ts";
import { eraOf } from "../src/era.ts";
import { EventStore, type StoredStream } from "../src/event-store.ts";
import { createLog, sessionTag } from "../src/log.ts";
import { DURATION_BUCKETS, Metrics } from "../src/metrics.ts";
import { PendingRequests } from "../src/pending.ts";
import { outletFor } from "../src/routing.ts";
import { RateLimitedLines } from "../src/stderr-limit.ts";

describe("back-off", () => {
  const setup = () => {
    const clock = { now: 1_000_000 };
    return { clock, backoff: new CrashBackoff(() => clock.now) };
  };

  test("the first failed start costs nothing, then 250 ms doubling to 30 s; three are a loop", () => {
    const { backoff } = setup();
    const delays = Array.from({ length: 10 }, () => {
      backoff.crashed({ answered: false, takenAt: undefined });
      return [backoff.delay, backoff.looping];
    });
    expect(delays.map(([delay]) => delay)).toEqual([0, 250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    expect(delays.map(([, looping]) => looping).slice(0, 4)).toEqual([false, false, true, true]);
  });

  test("the delay passes with time, an answer ends the loop", () => {
    const { clock, backoff } = setup();
    for (let i = 0; i < 4; i++) backoff.crashed({ answered: false, takenAt: undefined });
    clock.now += 999;
    expect(backoff.delay).toBe(1);
    clock.now += 1;
    expect([backoff.delay, backoff.looping]).toEqual([0, true]);
    backoff.answered();
    expect(backoff.looping).toBe(false);
  });

  test("a crash long after the session took the server is no crash at start", () => {
    const { clock, backoff } = setup();
    for (let i = 0; i < 10; i++) backoff.crashed({ answered: true, takenAt: clock.now - 60_000 });
    expect([backoff.delay, backoff.looping]).toEqual([0, false]);
  });

  test("five servers in a row that die just after they were put to use are a loop, forgotten in a minute or when one serves", () => {
    const { clock, backoff } = setup();
    const crash = (): void => backoff.crashed({ answered: true, takenAt: clock.now - 100 });
    for (let i = 0; i < 4; i++) crash();
    expect(backoff.looping).toBe(false);
    crash();
    expect(backoff.looping).toBe(true);
    clock.now += 60_000;
    expect(backoff.looping).toBe(false);
    for (let i = 0; i < 5; i++) crash();
    expect(backoff.looping).toBe(true);
    backoff.served();
    expect(backoff.looping).toBe(false);
  });
});

describe("event store", () => {
  const stream = (undelivered = false): StoredStream & { forgottenTo: number } => ({
    undelivered,
    forgottenTo: 0,
    forgotten(seq) {
      this.forgottenTo = seq;
    },
  });
  const frame = (length: number) => ({ head: "", message: undefined, length });

  test("keeps what is asked for, per stream and after a number", () => {
    const store = new EventStore(1_000, 1_000);
    const [a, b] = [stream(), stream()];
    for (const [owner, seq] of [
      [a, 1],
      [b, 1],
      [a, 2],
      [a, 3],
    ] as const)
      store.add({ stream: owner, seq, frame: frame(1) });
    expect(store.after(a, 1).map(({ seq }) => seq)).toEqual([2, 3]);
    expect(store.after(b, 0).map(({ seq }) => seq)).toEqual([1]);
    expect(store.after(b, 1)).toEqual([]);
  });

  test("never holds more than its limit of delivered events; the oldest go first", () => {
    const store = new EventStore(1_000, 10_000);
    const owner = stream();
    for (let seq = 1; seq <= 500; seq++) {
      store.add({ stream: owner, seq, frame: frame(10) });
      expect(store.bytes).toBeLessThanOrEqual(1_000);
    }
    expect(store.after(owner, 0).at(-1)?.seq).toBe(500);
    expect(owner.forgottenTo).toBe((store.after(owner, 0)[0]?.seq ?? 0) - 1);
  });

  test("keeps undelivered answers longer, but not without limit; streams without events are forgotten", () => {
    const store = new EventStore(100, 1_000);
    const [waiting, read] = [stream(true), stream()];
    store.add({ stream: waiting, seq: 1, frame: frame(500) });
    for (let seq = 1; seq <= 50; seq++) store.add({ stream: read, seq, frame: frame(10) });
    expect(store.after(waiting, 0).length).toBe(1);
    for (let seq = 2; seq <= 9; seq++) store.add({ stream: waiting, seq, frame: frame(500) });
    expect(store.bytes).toBeLessThanOrEqual(1_000);
    expect(store.after(waiting, 0).map(({ seq }) => seq)).toEqual([8, 9]);
    expect([waiting.forgottenTo, read.forgottenTo]).toEqual([7, 50]);
  });
});

describe("requests in flight", () => {
  const outlet = { attached: true, deliver() {}, release() {} };
  const add = (pending: PendingRequests, id: string, token?: string): void =>
    pending.add({ id, token, method: "m", tool: undefined, outlet, startedAt: 0, deadline: 0 });

  test("large numbers that a double cannot tell apart are told apart", () => {
    const pending = new PendingRequests();
    add(pending, "12345678901234567890");
    add(pending, "12345678901234567891");
    expect(pending.take("12345678901234567891")?.id).toBe("12345678901234567891");
    expect(pending.take("12345678901234567890")?.id).toBe("12345678901234567890");
  });

  test("a rounded answer is matched if only one request can be meant, and never guessed", () => {
    const pending = new PendingRequests();
    add(pending, "12345678901234567890");
    add(pending, '"12345678901234567000"');
    expect(pending.take("12345678901234567000")?.id).toBe("12345678901234567890");
    add(pending, "12345678901234567890");
    add(pending, "12345678901234567891");
    expect(pending.take("12345678901234567000")).toBeUndefined();
  });

  test("a token is free again with its request", () => {
    const pending = new PendingRequests();
    add(pending, "1", '"t"');
    expect(pending.byToken('"\\u0074"')?.id).toBe("1");
    pending.take("1");
    expect([pending.byToken('"t"'), pending.hasToken('"t"'), pending.size]).toEqual([undefined, false, 0]);
  });
});

describe("which stream a message of the server goes to", () => {
  const outlet = (name: string, attached = true) => ({ name, attached, deliver() {}, release() {} });
  const route = (
    method: string,
    params: object,
    outlets: ReturnType<typeof outlet>[],
    standalone: ReturnType<typeof outlet>,
  ) => {
    const pending = new PendingRequests();
    outlets.forEach((target, i) => {
      pending.add({
        id: `${i}`,
        token: `"t${i}"`,
        method: "tools/call",
        tool: "x",
        outlet: target,
        startedAt: 0,
        deadline: 0,
      });
    });
    const read = readMessage(Buffer.from(JSON.stringify({ jsonrpc: "2.0", method, params })));
    return read.ok ? (outletFor(read.value, pending, standalone) as ReturnType<typeof outlet>).name : read.message;
  };
  const log = "notifications/message";
  const [a, b, gone, get, noGet] = [
    outlet("a"),
    outlet("b"),
    outlet("gone", false),
    outlet("get"),
    outlet("no get", false),
  ];

  test.each([
    ["progress: to its request", "notifications/progress", { progressToken: "t1" }, [a, b], get, "b"],
    ["progress: also if its client is away", "notifications/progress", { progressToken: "t0" }, [gone], get, "gone"],
    ["progress of none: standalone", "notifications/progress", { progressToken: "x" }, [a], get, "get"],
    ["list changes: standalone", "notifications/tools/list_changed", {}, [a], noGet, "no get"],
    ["resource updates: standalone", "notifications/resources/updated", { uri: "x" }, [a], get, "get"],
    ["a log while one request waits: to it", log, {}, [a], get, "a"],
    ["a log while its client is away: standalone", log, {}, [gone], get, "get"],
    ["a log while all are away: to the request, to be fetched", log, {}, [gone], noGet, "gone"],
    ["a log while several wait: standalone", log, {}, [a, b], get, "get"],
    ["without a standalone stream: to the newest that is there", log, {}, [a, b, gone], noGet, "b"],
    ["nobody at all: standalone, to be fetched", log, {}, [], noGet, "no get"],
  ])("%s", (_name, method, params, outlets, standalone, expected) => {
    expect(route(method, params, outlets, standalone)).toBe(expected);
  });
});

describe("eras", () => {
  const era = (header: string | undefined, json: object) => {
    const read = readMessage(Buffer.from(JSON.stringify({ jsonrpc: "2.0", ...json })));
    return eraOf(header, read.ok ? read.value : undefined);
  };
  const meta = { _meta: { "io.modelcontextprotocol/protocolVersion": "2026-07-28" } };

  test("the request itself says which", () => {
    expect(era(undefined, { id: 1, method: "tools/list" })).toBe("session");
    expect(era("2025-11-25", { id: 1, method: "tools/list" })).toBe("session");
    expect(era(undefined, { id: 1, method: "tools/list", params: meta })).toBe("sessionless");
    expect(era("2026-07-28", { id: 1, method: "tools/list" })).toBe("sessionless");
    expect(era(undefined, { id: 1, method: "server/discover" })).toBe("sessionless");
    expect(era("2026-07-28", { id: 1, method: "initialize" })).toBe("session");
    expect(era("nonsense", { id: 1, method: "tools/list" })).toBe("session");
  });
});

test("metrics: buckets are cumulative, labels bounded and escaped", () => {
  const metrics = new Metrics();
  metrics.learnTools(['say "hi"\\']);
  metrics.learnTools(Array.from({ length: 1_000 }, (_, i) => `tool-${i}`));
  metrics.request({ method: "tools/call", tool: 'say "hi"\\', outcome: "ok", seconds: 0.001 });
  metrics.request({ method: "tools/call", tool: "tool-999", outcome: "ok", seconds: 0.3 });
  metrics.request({ method: "tools/call", tool: "tool-1", outcome: "timeout", seconds: 31 });
  metrics.request({ method: "made/up", tool: undefined, outcome: "error" });
  const lines = metrics.render().split("\n");
  expect(lines.filter((line) => line.startsWith("mcp_requests_total"))).toEqual([
    'mcp_requests_total{method="tools/call",tool="say \\"hi\\"\\\\",outcome="ok"} 1',
    'mcp_requests_total{method="tools/call",tool="other",outcome="ok"} 1',
    'mcp_requests_total{method="tools/call",tool="tool-1",outcome="timeout"} 1',
    'mcp_requests_total{method="other",tool="",outcome="error"} 1',
  ]);
  const buckets = lines.filter((line) => line.includes("_bucket")).map((line) => Number(line.split(" ")[1]));
  expect(buckets).toEqual([...DURATION_BUCKETS.map((bound) => (bound < 0.3 ? 1 : 2)), 3]);
});

test("stderr is cut in length and rate, and what was held back is told", () => {
  const clock = { now: 0 };
  const written: string[] = [];
  const lines = new RateLimitedLines(
    (line) => written.push(line),
    () => clock.now,
  );
  for (let i = 0; i < 80; i++) lines.push(`line ${i}`, 1);
  clock.now = 1_000;
  lines.push("x".repeat(3_000), 1);
  expect(written.length).toBe(52);
  expect(written[50]).toBe("(bridge) 30 lines held back: over 50/s");
  expect(written[51]).toBe(`${"x".repeat(2_048)}… (3000 characters)`);
});

test("log lines are JSON, below the level silent, and name sessions by a hash", () => {
  const written: string[] = [];
  const log = createLog({ server: "memory", level: "info", write: (line) => written.push(line) });
  log("debug", "unseen");
  log("warn", "seen", { session: sessionTag("the-id") });
  expect(written.map((line) => JSON.parse(line))).toEqual([
    {
      time: expect.stringMatching(/^\d{4}-/),
      level: "warn",
      event: "seen",
      server: "memory",
      session: expect.stringMatching(/^[0-9a-f]{12}$/),
    },
  ]);
});

test("a token file: one per line, blank lines and comments do not count", () => {
  expect(digestsOfFile("# comment\n\n  abc  \r\n")).toEqual([
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  ]);
  expect(digestsOfFile("# nothing\n")).toEqual([]);
});
