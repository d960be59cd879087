import { afterEach, describe, expect, test, vi } from "vitest";
import { type BridgeSetup, type RunningBridge, startBridge, until, warm } from "./fixtures/bridge.ts";
import { EventReader, initialize, openSession, SseSession, STREAMABLE } from "./fixtures/http-client.ts";

// Real processes on a shared machine: generous, and never part of an assertion.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const bridges: RunningBridge[] = [];
afterEach(async () => {
  await Promise.all(bridges.splice(0).map((bridge) => bridge.stop("SIGKILL")));
});

async function start(setup: BridgeSetup = {}): Promise<RunningBridge> {
  const bridge = await startBridge(setup);
  bridges.push(bridge);
  return bridge;
}

/** With the spare alone; what every scenario must return to. */
const BASELINE = 1;

async function backToBaseline(bridge: RunningBridge): Promise<void> {
  await until(`${BASELINE} process left of ${bridge.descendants()}`, () => bridge.descendants() === BASELINE);
}

describe("a server that dies", () => {
  test("every request in flight gets an error, the session is gone, the next one works", async () => {
    const bridge = await start();
    const session = await openSession(bridge.url);
    const waiting = [1, 2, 3].map((id) =>
      session.post({ jsonrpc: "2.0", id, method: "tools/call", params: { name: "sleep", arguments: { ms: 60_000 } } }),
    );
    await until("all are in flight", async () => (await bridge.metric("mcp_requests_in_flight")) === 3);
    const crash = await session.request("tools/call", { name: "crash" });
    const replies = await Promise.all(waiting);
    expect(crash.messages).toEqual([
      { jsonrpc: "2.0", id: 100, error: { code: -32000, message: "the server process exited with code 7" } },
    ]);
    expect(replies.map(({ messages }) => [messages[0].id, messages[0].error.code])).toEqual([
      [1, -32000],
      [2, -32000],
      [3, -32000],
    ]);
    expect((await session.request("ping")).status).toBe(404);
    expect(await bridge.metric("mcp_child_restarts_total")).toBe(1);
    const next = await openSession(bridge.url);
    expect(await next.call("echo", { text: "alive" })).toBe("alive");
    await next.delete();
    await backToBaseline(bridge);
  });

  test("over SSE the request gets its error and the stream ends", async () => {
    const bridge = await start();
    const session = await SseSession.open(bridge.url);
    await session.post({ jsonrpc: "2.0", id: 9, method: "tools/call", params: { name: "crash" } });
    const messages = await session.reader.rest();
    expect(messages).toEqual([{ jsonrpc: "2.0", id: 9, error: expect.objectContaining({ code: -32000 }) }]);
    expect((await session.post({ jsonrpc: "2.0", id: 10, method: "ping" })).status).toBe(404);
    await backToBaseline(bridge);
  });

  test("a command that cannot be started is an error that says so", async () => {
    const bridge = await start({ command: ["/no/such/program"] });
    const reply = await initialize(bridge.url);
    expect(reply.messages[0].error.message).toMatch(
      /could not be started: .*ENOENT|keeps crashing|ended as soon as it was started/,
    );
    expect(reply.headers.get("mcp-session-id")).toBeNull();
  });

  test("a crash loop slows down, refuses with Retry-After and turns /health red", async () => {
    const bridge = await start({ server: ["--crash"] });
    await until("health is red", async () => {
      const report = (await (await fetch(`${bridge.url}/health`)).json()) as { status: string };
      return report.status === "failing";
    });
    const health = await fetch(`${bridge.url}/health`);
    expect(health.status).toBe(503);
    expect(await health.json()).toMatchObject({
      status: "failing",
      checks: { child: { ok: false, detail: "the server crashes again and again; restarts are held back" } },
    });
    await until(
      "starts are held back for more than a second",
      async () => (await initialize(bridge.url)).status === 503,
    );
    const refused = await initialize(bridge.url);
    expect(refused.status).toBe(503);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    const delays = bridge.log.filter(({ event }) => event === "child_exit").map(({ retryInMs }) => Number(retryInMs));
    const rounded = delays.map((delay) => Math.round(delay / 50) * 50);
    expect(rounded.slice(0, 4)).toEqual([0, 250, 500, 1_000]);
  });
});

describe("a server that misbehaves", () => {
  test("junk on stdout is logged, counted, and not fatal", async () => {
    const bridge = await start();
    const session = await openSession(bridge.url);
    expect(await session.call("junk")).toBe("after the junk");
    expect(await bridge.metric('mcp_failures_total{cause="child_junk"}')).toBe(3);
    const logged = bridge.log.filter(({ event }) => event === "child_junk");
    expect(logged.map(({ fault }) => fault)).toEqual([
      "a message must be a JSON object",
      "not one complete JSON object",
      "not one complete JSON array",
    ]);
  });

  test("stderr goes to the log, at most 50 lines a second", async () => {
    const bridge = await start();
    const session = await openSession(bridge.url);
    await session.call("stderr", { lines: 1_000 });
    await until("it is logged", () => bridge.log.some(({ line }) => line === "complaint 0"));
    await session.call("sleep", { ms: 1_100 });
    await session.call("stderr", { lines: 1 });
    await until("what was held back is told", () =>
      bridge.log.some(({ line }) => String(line).includes("lines held back")),
    );
    expect(bridge.log.filter(({ event }) => event === "child_stderr").length).toBeLessThan(200);
  });

  test("a line over the limit ends the process, and the request that waits for it gets an error", async () => {
    const bridge = await start({ args: ["--max-message-bytes", "64KiB"] });
    const session = await openSession(bridge.url);
    const reply = await session.request("tools/call", { name: "big", arguments: { bytes: 200_000 } });
    expect(reply.messages[0].error).toEqual({ code: -32000, message: "the server process was killed by SIGKILL" });
    expect(await bridge.metric('mcp_failures_total{cause="oversized_message"}')).toBe(1);
    await backToBaseline(bridge);
  });

  test("no answer in time: the client gets an error, the server a cancel, a late answer goes nowhere", async () => {
    const bridge = await start({ args: ["--request-timeout", "1s"] });
    await warm(bridge);
    const session = await openSession(bridge.url);
    const reply = await session.post({
      jsonrpc: "2.0",
      id: "slow",
      method: "tools/call",
      params: { name: "sleep", arguments: { ms: 2_000 } },
    });
    expect(reply.messages).toEqual([
      {
        jsonrpc: "2.0",
        id: "slow",
        error: { code: -32001, message: "tools/call: no answer within 1000 ms; the request was cancelled" },
      },
    ]);
    expect(await session.call("cancelled")).toBe('["slow"]');
    await until(
      "the late answer came",
      async () => (await bridge.metric('mcp_failures_total{cause="late_response"}')) === 1,
    );
    expect(await bridge.metric('mcp_requests_total{method="tools/call",tool="other",outcome="timeout"}')).toBe(1);
  });

  test("progress restarts the timeout", async () => {
    const bridge = await start({ args: ["--request-timeout", "1s"] });
    await warm(bridge);
    const session = await openSession(bridge.url);
    const params = { name: "progress", arguments: { steps: 6, pause: 250 }, _meta: { progressToken: "p" } };
    const { messages } = await session.request("tools/call", params);
    expect(messages.length).toBe(7);
    expect(messages.at(-1).result.content[0].text).toBe("progressed");
  });

  test("while the server waits for its client, the timeout waits too", async () => {
    const bridge = await start({ args: ["--request-timeout", "1s"] });
    await warm(bridge);
    const session = await openSession(bridge.url);
    const params = { name: "ask", arguments: { method: "elicitation/create" } };
    const stream = await session.postStream({ jsonrpc: "2.0", id: 1, method: "tools/call", params });
    const asked = await stream.message();
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await session.post({ jsonrpc: "2.0", id: asked.id, result: { action: "accept" } });
    expect((await stream.message()).result.content[0].text).toContain("accept");
  });

  test("a cancelled request ends its stream without an answer, and is no longer in flight", async () => {
    const bridge = await start();
    const session = await openSession(bridge.url);
    const params = { name: "sleep", arguments: { ms: 60_000 } };
    const stream = await session.postStream({ jsonrpc: "2.0", id: 3, method: "tools/call", params });
    await until("it is in flight", async () => (await bridge.metric("mcp_requests_in_flight")) === 1);
    await session.post({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 3 } });
    expect(await stream.rest()).toEqual([]);
    expect(await bridge.metric("mcp_requests_in_flight")).toBe(0);
    expect(await session.call("cancelled")).toBe("[3]");
  });
});

describe("no process is left behind", () => {
  test("after DELETE, a closed SSE stream, an idle session, an abandoned initialize: back to the spare", async () => {
    const bridge = await start({ args: ["--idle-timeout", "500ms"] });
    await until("the spare is there", () => bridge.descendants() === BASELINE);
    const deleted = await openSession(bridge.url);
    const sse = await SseSession.open(bridge.url);
    await openSession(bridge.url);
    await until("three and a spare", () => bridge.descendants() === 3 + BASELINE);
    await deleted.delete();
    sse.close();
    const abort = new AbortController();
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params: {} });
    const abandoned = fetch(`${bridge.url}/mcp`, { method: "POST", headers: STREAMABLE, body, signal: abort.signal });
    abort.abort();
    await expect(abandoned).rejects.toThrow();
    await backToBaseline(bridge);
    await until("no session", async () => (await bridge.metric("mcp_active_sessions")) === 0);
  });

  test("an open GET stream keeps a session from being idle", async () => {
    const bridge = await start({ args: ["--idle-timeout", "200ms"] });
    const session = await openSession(bridge.url);
    const stream = await session.stream();
    await new Promise((resolve) => setTimeout(resolve, 700));
    expect((await session.request("ping")).status).toBe(200);
    stream.close();
    await until("it ended", async () => (await bridge.metric("mcp_active_sessions")) === 0);
  });

  test("what a server started ends with it", async () => {
    const bridge = await start();
    const session = await openSession(bridge.url);
    await session.call("grandchild");
    await until("server, grandchild and spare", () => bridge.descendants() === 2 + BASELINE);
    await session.request("tools/call", { name: "crash" });
    await backToBaseline(bridge);
  });

  test("a server that ignores SIGTERM and the end of its input is killed", async () => {
    const bridge = await start({ server: ["--stubborn"] });
    const session = await openSession(bridge.url);
    await until("server and spare", () => bridge.descendants() === 1 + BASELINE);
    await session.delete();
    await backToBaseline(bridge);
    expect(await bridge.stop()).toBe(0);
    expect(bridge.descendants()).toBe(0);
  });

  test("SIGKILL of the bridge leaves no well-behaved server", async () => {
    const bridge = await start();
    await Promise.all([openSession(bridge.url), openSession(bridge.url)]);
    await bridge.stop("SIGKILL");
    await until("all are gone", () => bridge.descendants() === 0);
  });
});

describe("SIGTERM", () => {
  test("requests in flight are answered, new ones refused, then all is gone and the exit code is 0", async () => {
    const bridge = await start();
    const session = await openSession(bridge.url);
    const idle = await openSession(bridge.url);
    const idleStream = await idle.stream();
    const params = { name: "sleep", arguments: { ms: 700 } };
    const stream = await session.postStream({ jsonrpc: "2.0", id: 1, method: "tools/call", params });
    await until("it is in flight", async () => (await bridge.metric("mcp_requests_in_flight")) === 1);
    // A connection that is open already, to be heard while the listener is closed.
    const spare = await EventReader.open(`${bridge.url}/mcp`, {
      headers: { accept: "text/event-stream", ...session.headers },
    });
    const exit = bridge.stop();
    expect(await idleStream.rest()).toEqual([]);
    expect((await stream.message()).result.content[0].text).toBe("slept 700");
    expect(await spare.rest()).toEqual([]);
    expect(await exit).toBe(0);
    expect(bridge.descendants()).toBe(0);
    expect(bridge.log.at(-1)?.event).toBe("stopped");
  });

  test("what is not answered in time gets an error", async () => {
    const bridge = await start({ args: ["--drain-timeout", "4s"] });
    const session = await openSession(bridge.url);
    const params = { name: "sleep", arguments: { ms: 60_000 } };
    const stream = await session.postStream({ jsonrpc: "2.0", id: 1, method: "tools/call", params });
    await until("it is in flight", async () => (await bridge.metric("mcp_requests_in_flight")) === 1);
    const exit = bridge.stop();
    expect((await stream.message()).error.message).toBe("the bridge is shutting down");
    expect(await exit).toBe(0);
    expect(bridge.descendants()).toBe(0);
  });

  test("a second signal ends it at once", async () => {
    const bridge = await start({ server: ["--stubborn"] });
    const session = await openSession(bridge.url);
    await session.postStream({
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: { name: "sleep", arguments: { ms: 60_000 } },
    });
    await until("it is in flight", async () => (await bridge.metric("mcp_requests_in_flight")) === 1);
    void bridge.stop();
    await until("the first signal has arrived", () => bridge.log.some(({ event }) => event === "drain"));
    bridge.process.kill("SIGTERM");
    expect(await bridge.stop()).toBe(1);
    await until("all are gone", () => bridge.descendants() === 0);
  });
});
