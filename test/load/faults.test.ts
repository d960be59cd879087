import { Agent } from "node:http";
import { afterEach, describe, expect, test } from "vitest";
import { type RunningBridge, until, warm } from "../../images/bridge/test/fixtures/bridge.ts";
import {
  dataOf,
  exchange,
  LoadSession,
  LoadSessionless,
  LoadSse,
  open,
  startLoadBridge,
  toolCall,
} from "../../images/bridge/test/fixtures/load-client.ts";

/** From the exit of a server to the errors of its requests (issue 4, section 2). */
const ERROR_WITHIN_MS = 100;
const IN_FLIGHT = 200;

const bridges: RunningBridge[] = [];
const agent = new Agent({ keepAlive: true, maxSockets: 1_000 });
afterEach(async () => {
  await Promise.all(bridges.splice(0).map((bridge) => bridge.stop("SIGKILL")));
});

async function start(setup: Parameters<typeof startLoadBridge>[0] = {}): Promise<RunningBridge> {
  const bridge = await startLoadBridge(setup);
  bridges.push(bridge);
  return bridge;
}

const onlyTheSpareIsLeft = (bridge: RunningBridge): Promise<void> =>
  until("the spare alone is left", () => bridge.descendants() === 1);
const inFlight = (bridge: RunningBridge): Promise<number | undefined> => bridge.metric("mcp_requests_in_flight");

describe(`a server that dies with ${IN_FLIGHT} requests in flight`, () => {
  /** The best of them counts: other work of the machine only ever adds to it. */
  const ROUNDS = 5;

  test(`Streamable HTTP: all get an error within ${ERROR_WITHIN_MS} ms, the session is 404, the next is fresh`, async () => {
    const bridge = await start();
    await warm(bridge);
    const delays: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const session = await LoadSession.open(bridge.port, agent);
      const waiting = Array.from({ length: IN_FLIGHT }, (_, i) => session.post(toolCall(i + 1, "never")));
      await until("all are in flight", async () => (await inFlight(bridge)) === IN_FLIGHT);
      const crash = session.post(toolCall("crash", "crash"));
      const replies = await Promise.all(waiting);
      const crashed = dataOf((await crash).body).map((data) => JSON.parse(data));
      // Only this call's own stream can have been told when: the newest of those in flight.
      const told = crashed.find(({ method }) => method === "notifications/message");
      const errors = replies.map(({ body }) => dataOf(body).map((data) => JSON.parse(data)));
      expect(errors).toEqual(
        errors.map((_error, i) => [
          { jsonrpc: "2.0", id: i + 1, error: { code: -32000, message: "the server process exited with code 7" } },
        ]),
      );
      expect(crashed.at(-1)).toMatchObject({ id: "crash", error: { code: -32000 } });
      delays.push(Math.max(...replies.map(({ at }) => at)) - told.params.data);
      expect((await session.post(toolCall(1, "echo"))).status).toBe(404);
      const next = await LoadSession.open(bridge.port, agent);
      expect(await next.text("echo", { text: "fresh" })).toBe("fresh");
      await next.delete();
    }
    console.log(`from the exit to the last of ${IN_FLIGHT} errors: ${delays.join(", ")} ms`);
    expect(Math.min(...delays)).toBeLessThanOrEqual(ERROR_WITHIN_MS);
    await onlyTheSpareIsLeft(bridge);
  });

  test("SSE: all get an error on the stream, then it ends", async () => {
    const bridge = await start();
    const session = await LoadSse.open(bridge.port, agent);
    const ended = new Promise((resolve) => session.stream.once("end", resolve));
    const waiting = Array.from({ length: IN_FLIGHT }, (_, i) => session.call("never", {}, i + 1));
    await until("all are in flight", async () => (await inFlight(bridge)) === IN_FLIGHT);
    waiting.push(session.call("crash", {}, 1_000));
    const errors = (await Promise.all(waiting)).map(([data]) => JSON.parse(data ?? "{}").error.code);
    expect(errors).toEqual(Array.from({ length: IN_FLIGHT + 1 }, () => -32000));
    await ended;
    await onlyTheSpareIsLeft(bridge);
  });

  test("2026-07-28: all that share the server get an error, the next call a fresh one", async () => {
    const bridge = await start();
    const caller = new LoadSessionless(bridge.port, agent);
    await caller.call("echo", {});
    const waiting = Array.from({ length: IN_FLIGHT }, (_, i) => caller.call("never", {}, i + 1));
    await until("all are in flight", async () => (await inFlight(bridge)) === IN_FLIGHT);
    waiting.push(caller.call("crash", {}, 1_000));
    const errors = (await Promise.all(waiting)).map(([data]) => JSON.parse(data ?? "{}").error.code);
    expect(errors).toEqual(Array.from({ length: IN_FLIGHT + 1 }, () => -32000));
    const [data] = await caller.call("echo", { text: "fresh" });
    expect(JSON.parse(data ?? "{}").result.content[0].text).toBe("fresh");
  });
});

test("what a server writes in its last breath still arrives", async () => {
  const bridge = await start();
  const sessions = await Promise.all(Array.from({ length: 8 }, () => LoadSession.open(bridge.port, agent)));
  const lengths = await Promise.all(
    sessions.map(async (session) => (await session.text("last", { bytes: 150_000 })).length),
  );
  expect(lengths).toEqual(sessions.map(() => 150_000));
  await onlyTheSpareIsLeft(bridge);
});

test("a server that always crashes in use: starts are held back, /health is red, and all is well once it is", async () => {
  const bridge = await start();
  const health = async (): Promise<number> => (await exchange(bridge.port, { method: "GET", path: "/health" })).status;
  let refused: Awaited<ReturnType<typeof exchange>> | undefined;
  for (let i = 0; i < 20 && refused === undefined; i++) {
    const session = await LoadSession.open(bridge.port, agent).catch(() => undefined);
    if (session !== undefined) await session.post(toolCall(1, "crash"));
    else refused = await exchange(bridge.port, { headers: { ...JSON_HEADERS }, chunks: [INITIALIZE] });
  }
  expect([refused?.status, Number(refused?.headers["retry-after"]) >= 1]).toEqual([503, true]);
  expect(await health()).toBe(503);
  // Nobody restarts anything: the next start that works ends it.
  await until("a session opens again", async () => {
    const session = await LoadSession.open(bridge.port, agent).catch(() => undefined);
    await session?.delete();
    return session !== undefined;
  });
  await until("health is green", async () => (await health()) === 200);
  await onlyTheSpareIsLeft(bridge);
});

test("10,000 lines of junk: counted all, logged a few, and the answer behind them arrives", async () => {
  const bridge = await start();
  const session = await LoadSession.open(bridge.port, agent);
  expect(await session.text("junk", { lines: 10_000 })).toBe("after the junk");
  expect(await bridge.metric('mcp_failures_total{cause="child_junk"}')).toBe(10_000);
  const logged = bridge.log.filter(({ event }) => event === "child_junk").length;
  expect(logged).toBeGreaterThan(0);
  expect(logged).toBeLessThan(1_000);
});

test("clients that go without a word: SSE ends at once, Streamable HTTP after the idle time", async () => {
  const bridge = await start({ args: ["--idle-timeout", "2s"] });
  await warm(bridge);
  const sse = await Promise.all(Array.from({ length: 5 }, () => LoadSse.open(bridge.port, agent)));
  const began = Date.now();
  for (const session of sse) session.close();
  await until("their servers are gone", () => bridge.descendants() === 1);
  expect(Date.now() - began).toBeLessThan(2_000);
  const sessions = await Promise.all(Array.from({ length: 5 }, () => LoadSession.open(bridge.port, agent)));
  // One of them with a stream that breaks, one with a call that nobody waits for.
  const stream = await open(bridge.port, { method: "GET", headers: sessions[0]?.headers ?? {} });
  const call = await open(bridge.port, { headers: sessions[1]?.headers ?? {}, chunks: [CALL] });
  stream.request.destroy();
  call.request.destroy();
  await onlyTheSpareIsLeft(bridge);
  expect(await bridge.metric("mcp_active_sessions")).toBe(0);
});

test("SIGKILL of the bridge: servers end by the end of their input, whatever they were doing", async () => {
  const bridge = await start();
  const session = await LoadSession.open(bridge.port, agent);
  const sse = await LoadSse.open(bridge.port, agent);
  const idle = await LoadSession.open(bridge.port, agent);
  const broken = session.post(toolCall(1, "sleep", { ms: 500 })).catch(() => "broken");
  await until("a call is in flight", async () => (await inFlight(bridge)) === 1);
  expect(bridge.descendants()).toBeGreaterThanOrEqual(3);
  sse.stream.on("error", () => {});
  await bridge.stop("SIGKILL");
  expect(await broken).toBe("broken");
  expect(idle.id).not.toBe(session.id);
  await until("all are gone", () => bridge.descendants() === 0);
});

const JSON_HEADERS = { "content-type": "application/json", accept: "application/json, text/event-stream" };
const CALL = JSON.stringify(toolCall(1, "sleep", { ms: 10 }));
const INITIALIZE = JSON.stringify({
  jsonrpc: "2.0",
  id: 0,
  method: "initialize",
  params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "test", version: "1" } },
});
