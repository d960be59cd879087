import { afterEach, describe, expect, test, vi } from "vitest";
import { openRequestWatch } from "../src/observe.ts";
import { parseOptions } from "../src/options.ts";
import { type BridgeSetup, type RunningBridge, startBridge, until } from "./fixtures/bridge.ts";
import { openSession, SseSession } from "./fixtures/http-client.ts";
import { call, requestOf, stream } from "./fixtures/sessionless-client.ts";

// Real processes on a shared machine: generous, and never part of an assertion.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT = `00-${TRACE}-00f067aa0ba902b7-01`;

const bridges: RunningBridge[] = [];
afterEach(async () => {
  await Promise.all(bridges.splice(0).map((bridge) => bridge.stop("SIGKILL")));
});
async function start(setup: BridgeSetup = {}): Promise<RunningBridge> {
  const bridge = await startBridge(setup);
  bridges.push(bridge);
  return bridge;
}
const lines = (bridge: RunningBridge) => bridge.log.filter(({ event }) => event === "request");
async function line(bridge: RunningBridge, id: string) {
  await until(`request ${id} is logged`, () => lines(bridge).some(({ request }) => request === id));
  return lines(bridge).filter(({ request }) => request === id);
}

describe("--log-requests on", () => {
  test("one line per request of a session, with sizes, and its trace if it has one", async () => {
    const bridge = await start({ args: ["--log-requests", "on"] });
    const session = await openSession(bridge.url);
    const body = JSON.stringify({
      jsonrpc: "2.0",
      id: "call-1",
      method: "tools/call",
      params: { name: "echo", arguments: { text: "hush" } },
    });
    const reply = await session.post(body, { traceparent: PARENT });
    const answer = reply.events.at(-1)?.data ?? "";
    const tag = bridge.log.find(({ event }) => event === "session_start")?.session;
    expect(tag).toMatch(/^[0-9a-f]{12}$/);
    expect(await line(bridge, "call-1")).toEqual([
      {
        time: expect.any(String),
        level: "info",
        event: "request",
        server: "fixture",
        session: tag,
        request: "call-1",
        method: "tools/call",
        tool: "echo",
        outcome: "ok",
        durationMs: expect.any(Number),
        bytesIn: body.length,
        bytesOut: answer.length,
        traceId: TRACE,
      },
    ]);
    expect(await line(bridge, "0")).toMatchObject([{ method: "initialize", session: tag, outcome: "ok" }]);
    expect(lines(bridge)).toHaveLength(2);
    const text = JSON.stringify(bridge.log);
    expect(text).not.toContain("hush");
    expect(text).not.toContain(session.id);
  });

  test("every way to end", async () => {
    const bridge = await start({ args: ["--log-requests", "on", "--request-timeout", "300ms"] });
    const session = await openSession(bridge.url);
    const post = (id: number, method: string, params: object = {}) =>
      session.post({ jsonrpc: "2.0", id, method, params });
    await post(1, "no/such");
    await post(2, "tools/call", { name: "error" });
    await post(3, "tools/call", { name: "sleep", arguments: { ms: 30_000 } });
    const cancelled = post(4, "tools/call", { name: "sleep", arguments: { ms: 30_000 } });
    await until("it is in flight", async () => (await bridge.metric("mcp_requests_in_flight")) === 1);
    await session.post({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 4 } });
    await cancelled;
    await post(5, "tools/call", { name: "crash" });
    // The pipe of the log can be slower than the answer.
    await line(bridge, "5");
    const seen = lines(bridge).map(({ request, outcome, code, bytesOut }) => [request, outcome, code, bytesOut !== 0]);
    expect(seen).toEqual([
      ["0", "ok", undefined, true],
      ["1", "error", -32601, true],
      ["2", "tool_error", undefined, true],
      ["3", "timeout", -32001, true],
      ["4", "cancelled", undefined, false],
      ["5", "child_exit", -32000, true],
    ]);
  });

  test("what a client makes up is cut and cannot break a line", async () => {
    const bridge = await start({ args: ["--log-requests", "on"] });
    const session = await openSession(bridge.url);
    const id = `\n{"level":"error"}\u2028\x85${"x".repeat(1_000)}`;
    await session.post({ jsonrpc: "2.0", id, method: "tools/call", params: { name: "n".repeat(1_000) } });
    await session.post({ jsonrpc: "2.0", id: 9, method: "m".repeat(1_000) });
    const cut = `${id.slice(0, 64)}…`;
    expect(await line(bridge, cut)).toMatchObject([{ tool: `${"n".repeat(128)}…`, outcome: "error" }]);
    expect(await line(bridge, "9")).toMatchObject([{ method: `${"m".repeat(128)}…` }]);
  });

  test("over SSE, and without sessions: refusals, streams, and clients that leave", async () => {
    const bridge = await start({ args: ["--log-requests", "on", "--allowed-tool", "sleep,line"] });
    const sse = await SseSession.open(bridge.url);
    expect(await line(bridge, "0")).toMatchObject([{ method: "initialize", session: expect.any(String) }]);
    sse.reader.close();

    await call(bridge.url, "line", {}, { id: "one", meta: { traceparent: PARENT } });
    expect(await line(bridge, "one")).toMatchObject([{ outcome: "ok", tool: "line", traceId: TRACE }]);
    expect((await line(bridge, "one"))[0]).not.toHaveProperty("session");
    await call(bridge.url, "echo", {}, { id: "two" });
    expect(await line(bridge, "two")).toMatchObject([{ outcome: "refused", code: -32602 }]);

    const abort = new AbortController();
    const { message, headers } = requestOf("tools/call", { name: "sleep", arguments: { ms: 30_000 } }, { id: "three" });
    const left = fetch(`${bridge.url}/mcp`, {
      method: "POST",
      headers,
      body: JSON.stringify(message),
      signal: abort.signal,
    });
    await until("it is in flight", async () => (await bridge.metric("mcp_requests_in_flight")) === 1);
    abort.abort();
    await expect(left).rejects.toThrow();
    expect(await line(bridge, "three")).toMatchObject([{ outcome: "cancelled", bytesOut: 0 }]);

    const params = { notifications: { toolsListChanged: true } };
    const listening = await stream(bridge.url, "subscriptions/listen", params, { id: "four" });
    await listening.message();
    expect(lines(bridge).some(({ request }) => request === "four")).toBe(false);
    listening.close();
    expect(await line(bridge, "four")).toMatchObject([{ method: "subscriptions/listen", outcome: "cancelled" }]);
  });
});

test("payloads only when asked for, and only so much of them", async () => {
  const bridge = await start({ args: ["--log-payloads", "40"] });
  const session = await openSession(bridge.url);
  const params = '{"name":"echo","arguments":{"text":"0123456789"}}';
  const reply = await session.post(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${params}}`);
  const answer = reply.events.at(-1)?.data ?? "";
  expect(await line(bridge, "1")).toMatchObject([
    { params: `${params.slice(0, 40)}…`, answer: `${answer.slice(0, 40)}…`, bytesOut: answer.length },
  ]);
  await session.post('{"jsonrpc":"2.0","id":2,"method":"ping","params":{}}');
  expect(await line(bridge, "2")).toMatchObject([{ params: "{}", answer: '{"jsonrpc":"2.0","id":2,"result":{}}' }]);
});

test("nothing of it by default, nor where the level hides it", async () => {
  const bridge = await start();
  const session = await openSession(bridge.url);
  await session.call("echo", { text: "x" });
  await call(bridge.url, "echo", { text: "x" });
  expect(await bridge.stop()).toBe(0);
  expect(lines(bridge)).toEqual([]);

  const watched = async (...flags: string[]) => {
    const parsed = parseOptions([...flags, "--", "x"], {});
    if (parsed.kind !== "run") throw new Error(JSON.stringify(parsed));
    return (await openRequestWatch(parsed.options, { log: () => {}, version: "1", env: {} })) !== undefined;
  };
  expect(await watched()).toBe(false);
  expect(await watched("--log-requests", "on", "--log-level", "warn")).toBe(false);
  expect(await watched("--log-requests", "on", "--log-level", "debug")).toBe(true);
  expect(await watched("--log-payloads", "1")).toBe(true);
});
