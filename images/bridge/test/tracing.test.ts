import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type BridgeSetup, type RunningBridge, startBridge, until } from "./fixtures/bridge.ts";
import { type HttpSession, openSession, SseSession } from "./fixtures/http-client.ts";
import { type OtlpReceiver, type ReceivedSpan, startReceiver } from "./fixtures/otlp-receiver.ts";
import { call, request, textOf } from "./fixtures/sessionless-client.ts";

// Real processes on a shared machine: generous, and never part of an assertion.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const PARENT = `00-${TRACE}-${SPAN}-01`;
const HEADERS = { traceparent: PARENT, tracestate: "congo=t61rcWkgMzE", baggage: "userId=alice" };
const OTHER_TRACE = "0af7651916cd43dd8448eb211c80319c";
const OTHER = `00-${OTHER_TRACE}-b7ad6b7169203331-01`;

const bridges: RunningBridge[] = [];
const receivers: OtlpReceiver[] = [];
afterEach(async () => {
  await Promise.all(bridges.splice(0).map((bridge) => bridge.stop("SIGKILL")));
  for (const receiver of receivers.splice(0)) receiver.close();
});
async function start(setup: BridgeSetup = {}): Promise<RunningBridge> {
  const bridge = await startBridge(setup);
  bridges.push(bridge);
  return bridge;
}
async function startTraced(setup: BridgeSetup = {}): Promise<{ bridge: RunningBridge; receiver: OtlpReceiver }> {
  const receiver = await startReceiver();
  receivers.push(receiver);
  const args = ["--otlp-endpoint", receiver.url, ...(setup.args ?? [])];
  const bridge = await start({ ...setup, args, env: { OTEL_BSP_SCHEDULE_DELAY: "50", ...setup.env } });
  return { bridge, receiver };
}

/** `_meta` of a call as the server got it. */
async function metaOf(session: HttpSession, meta: object | undefined, headers: Record<string, string>) {
  const params = { name: "line", arguments: {}, ...(meta === undefined ? {} : { _meta: meta }) };
  const reply = await session.post({ jsonrpc: "2.0", id: 7, method: "tools/call", params }, headers);
  return JSON.parse(reply.messages.at(-1).result.content[0].text).params._meta;
}

const nanos = (span: ReceivedSpan) => Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano));

describe("trace context without tracing", () => {
  test("goes from the headers into _meta, in sessions", async () => {
    const session = await openSession((await start()).url);
    expect(await metaOf(session, undefined, HEADERS)).toEqual(HEADERS);
    expect(await metaOf(session, { progressToken: 1 }, HEADERS)).toEqual({ ...HEADERS, progressToken: 1 });
    expect(await metaOf(session, { traceparent: OTHER }, HEADERS)).toEqual({
      traceparent: OTHER,
      baggage: "userId=alice",
    });
    expect(await metaOf(session, undefined, { traceparent: PARENT.toUpperCase(), tracestate: "a=1" })).toBeUndefined();
    expect(await metaOf(session, undefined, {})).toBeUndefined();
  });

  test("over SSE", async () => {
    const session = await SseSession.open((await start()).url, HEADERS);
    const params = { name: "line", arguments: {} };
    await session.post({ jsonrpc: "2.0", id: 7, method: "tools/call", params });
    const answer = await session.reader.message();
    expect(JSON.parse(answer.result.content[0].text).params._meta).toEqual(HEADERS);
    session.reader.close();
  });

  test("without sessions", async () => {
    const { url } = await start();
    const meta = async (options: object) => JSON.parse(await textOf(url, "line", {}, options)).params._meta;
    expect(await meta({ headers: HEADERS })).toEqual(HEADERS);
    expect(await meta({ headers: HEADERS, meta: { traceparent: OTHER, mine: 1 } })).toEqual({
      traceparent: OTHER,
      mine: 1,
      baggage: "userId=alice",
    });
    expect(await meta({})).toBeUndefined();
  });
});

describe("spans", () => {
  test("one per request of a session, child of the client's, and parent of the server's", async () => {
    const env = {
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test",
      OTEL_EXPORTER_OTLP_HEADERS: "x-key=k1",
    };
    const { bridge, receiver } = await startTraced({ env });
    const session = await openSession(bridge.url);
    const meta = await metaOf(session, { traceparent: OTHER }, HEADERS);
    const span = await receiver.span("tools/call line");
    const tag = bridge.log.find(({ event }) => event === "session_start")?.session;
    expect(span).toMatchObject({
      traceId: OTHER_TRACE,
      parentSpanId: "b7ad6b7169203331",
      kind: 2,
      status: { code: 0 },
      attributes: {
        "mcp.method.name": "tools/call",
        "mcp.protocol.version": "2025-11-25",
        "mcp.session.id": tag,
        "jsonrpc.request.id": "7",
        "gen_ai.tool.name": "line",
        "gen_ai.operation.name": "execute_tool",
        "network.transport": "tcp",
        "network.protocol.name": "http",
        "mcp.bridge.outcome": "ok",
      },
    });
    expect(span.links).toMatchObject([{ traceId: TRACE, spanId: SPAN }]);
    expect(meta).toEqual({ traceparent: `00-${OTHER_TRACE}-${span.spanId}-01`, baggage: "userId=alice" });
    const first = await receiver.span("initialize");
    expect(first.parentSpanId).toBeUndefined();
    expect(first.attributes).not.toHaveProperty("mcp.protocol.version");
    expect(receiver.spans.map(({ name }) => name).sort()).toEqual(["initialize", "tools/call line"]);
    expect(receiver.requests[0]).toMatchObject({
      path: "/v1/traces",
      headers: { "content-type": "application/json", "x-key": "k1" },
    });
    expect(receiver.resources[0]).toMatchObject({
      "service.name": "fixture",
      "service.version": expect.stringMatching(/^\d+\.\d+\.\d+/),
      "deployment.environment.name": "test",
    });
  });

  test("the header's context is the parent where the body has none, and its state goes on", async () => {
    const { bridge, receiver } = await startTraced({ env: { OTEL_SERVICE_NAME: "my-service" } });
    const session = await openSession(bridge.url);
    const meta = await metaOf(session, { traceparent: "broken", tracestate: "own=1" }, HEADERS);
    const span = await receiver.span("tools/call line");
    expect(span).toMatchObject({ traceId: TRACE, parentSpanId: SPAN, traceState: "congo=t61rcWkgMzE", links: [] });
    expect(meta).toEqual({ ...HEADERS, traceparent: `00-${TRACE}-${span.spanId}-01` });
    expect(receiver.resources[0]).toMatchObject({ "service.name": "my-service" });
  });

  test("a trace that its owner does not sample is not sent, and passed on as such", async () => {
    const { bridge, receiver } = await startTraced();
    const session = await openSession(bridge.url);
    const meta = await metaOf(session, undefined, { traceparent: `00-${TRACE}-${SPAN}-00` });
    expect(meta.traceparent).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`));
    await session.request("ping");
    await receiver.span("ping");
    expect(receiver.spans.map(({ name }) => name).sort()).toEqual(["initialize", "ping"]);
  });

  test("failures are errors, each by its kind, without the words of the server", async () => {
    const { bridge, receiver } = await startTraced({
      args: ["--request-timeout", "500ms", "--allowed-tool", "error,crash,sleep,none"],
    });
    const session = await openSession(bridge.url);
    await session.request("tools/call", { name: "error" });
    await session.request("tools/call", { name: "none" });
    await session.request("tools/call", { name: "sleep", arguments: { ms: 30_000 } });
    await session.request("tools/call", { name: "forbidden" });
    await session.request("tools/call", { name: "crash" });
    const [toolError, error, timeout, refused, exit] = await Promise.all(
      ["error", "none", "sleep", "forbidden", "crash"].map((tool) => receiver.span(`tools/call ${tool}`)),
    );
    const seen = (span: ReceivedSpan | undefined) => [
      span?.status,
      span?.attributes["error.type"],
      span?.attributes["rpc.response.status_code"],
      span?.attributes["mcp.bridge.outcome"],
    ];
    expect(seen(toolError)).toEqual([{ code: 2 }, "tool_error", undefined, "tool_error"]);
    expect(seen(error)).toEqual([{ code: 2 }, "-32602", "-32602", "error"]);
    const late = "tools/call: no answer within 500 ms; the request was cancelled";
    expect(seen(timeout)).toEqual([{ code: 2, message: late }, "timeout", "-32001", "timeout"]);
    expect(nanos(timeout as ReceivedSpan)).toBeGreaterThanOrEqual(495_000_000);
    const notAllowed = 'tool "forbidden" is not allowed here; allowed: error, crash, sleep, none';
    expect(seen(refused)).toEqual([{ code: 2, message: notAllowed }, "refused", "-32602", "refused"]);
    const gone = "the server process exited with code 7";
    expect(seen(exit)).toEqual([{ code: 2, message: gone }, "child_exit", "-32000", "child_exit"]);
  });

  test("without sessions: calls, rounds that ask for input, discovery, and what the client closes", async () => {
    const { bridge, receiver } = await startTraced();
    const line = JSON.parse(await textOf(bridge.url, "line", {}, { id: "my id", headers: HEADERS }));
    const span = await receiver.span("tools/call line");
    expect(span).toMatchObject({ traceId: TRACE, parentSpanId: SPAN, status: { code: 0 } });
    expect(span.attributes).toEqual({
      "mcp.method.name": "tools/call",
      "mcp.protocol.version": "2026-07-28",
      "jsonrpc.request.id": "my id",
      "gen_ai.tool.name": "line",
      "gen_ai.operation.name": "execute_tool",
      "network.transport": "tcp",
      "network.protocol.name": "http",
      "mcp.bridge.outcome": "ok",
    });
    expect(line.params._meta).toEqual({ ...HEADERS, traceparent: `00-${TRACE}-${span.spanId}-01` });

    await request(bridge.url, "server/discover");
    expect((await receiver.span("server/discover")).status).toEqual({ code: 0 });

    const options = { capabilities: { elicitation: {} } };
    const args = { method: "elicitation/create", params: { message: "?" } };
    const asked = await call(bridge.url, "ask", args, options);
    expect(asked.result.resultType).toBe("input_required");
    const { requestState, inputRequests } = asked.result;
    const inputResponses = Object.fromEntries(Object.keys(inputRequests).map((key) => [key, { action: "decline" }]));
    const done = await call(bridge.url, "ask", args, { ...options, retry: { requestState, inputResponses } });
    expect(done.result.resultType).toBe("complete");
    const rounds = () => receiver.spans.filter(({ name }) => name === "tools/call ask");
    await until("both rounds are seen", () => rounds().length === 2);
    expect(rounds().map(({ status, attributes }) => [status, attributes["mcp.bridge.outcome"]])).toEqual([
      [{ code: 0 }, "input_required"],
      [{ code: 0 }, "ok"],
    ]);
  });

  test("a server of 2026-07-28 gets it too, from both kinds of clients", async () => {
    const modern = fileURLToPath(new URL("fixtures/modern-stdio-server.ts", import.meta.url));
    const { bridge, receiver } = await startTraced({ command: [process.execPath, modern] });
    const own = async (read: () => Promise<Record<string, unknown>>) => {
      receiver.spans.length = 0;
      const { traceparent, tracestate, baggage } = await read();
      const span = await receiver.span("tools/call line");
      expect(span).toMatchObject({ traceId: TRACE, parentSpanId: SPAN, status: { code: 0 } });
      expect({ traceparent, tracestate, baggage }).toEqual({
        ...HEADERS,
        traceparent: `00-${TRACE}-${span.spanId}-01`,
      });
    };
    const session = await openSession(bridge.url);
    await own(() => metaOf(session, { progressToken: 1 }, HEADERS));
    await own(async () => JSON.parse(await textOf(bridge.url, "line", {}, { headers: HEADERS })).params._meta);
  });

  test("what is left is sent before the bridge exits", async () => {
    const { bridge, receiver } = await startTraced({ env: { OTEL_BSP_SCHEDULE_DELAY: "600000" } });
    const session = await openSession(bridge.url);
    void session.request("tools/call", { name: "sleep", arguments: { ms: 300 } });
    await until("it is in flight", async () => (await bridge.metric("mcp_requests_in_flight")) === 1);
    expect(receiver.requests).toHaveLength(0);
    expect(await bridge.stop()).toBe(0);
    expect(receiver.spans.map(({ name, status }) => [name, status.code])).toEqual([
      ["initialize", 0],
      ["tools/call sleep", 0],
    ]);
  });
});

describe("a collector that is away", () => {
  test("disturbs no request, is mentioned once, and does not hold up the exit", async () => {
    const { bridge, receiver } = await startTraced({ args: ["--drain-timeout", "5s"] });
    receiver.answer = 400;
    const session = await openSession(bridge.url);
    for (let i = 0; i < 5; i++) {
      expect(await session.call("echo", { text: "fine" })).toBe("fine");
      await until("it was tried", () => receiver.requests.length > i);
    }
    receiver.answer = undefined;
    expect(await session.call("echo", { text: "fine" })).toBe("fine");
    const before = performance.now();
    expect(await bridge.stop()).toBe(0);
    // The drain timeout, not the exporter's own 10 s and its retries.
    expect(performance.now() - before).toBeLessThan(9_000);
    const complaints = bridge.log.filter(({ event }) => event === "spans_lost");
    expect(complaints).toMatchObject([{ level: "warn", spans: expect.any(Number), reason: "Bad Request" }]);
    expect(receiver.spans).toEqual([]);
  });
});

describe("off", () => {
  async function loaded(setup: BridgeSetup): Promise<string[]> {
    const folder = mkdtempSync(join(tmpdir(), "mcp-bridge-modules-"));
    const preload = fileURLToPath(new URL("fixtures/loaded-modules.mjs", import.meta.url));
    const env = { NODE_OPTIONS: `--import=${preload}`, LOADED_MODULES: join(folder, "list"), ...setup.env };
    const bridge = await start({ ...setup, env });
    const session = await openSession(bridge.url, "2025-11-25", {}, HEADERS);
    await session.call("echo", { text: "x" });
    await textOf(bridge.url, "echo", { text: "x" });
    const lines = readFileSync(join(folder, `list.${bridge.process.pid}`), "utf8").split("\n");
    rmSync(folder, { recursive: true });
    return lines;
  }
  const packages = (urls: string[]) => urls.filter((url) => url.includes("/node_modules/"));

  test("no package is loaded, nor the modules that use one", async () => {
    const urls = await loaded({});
    expect(urls.filter((url) => url.endsWith("/src/observe.ts"))).toHaveLength(1);
    expect(packages(urls)).toEqual([]);
    expect(urls.filter((url) => /otlp/.test(url))).toEqual([]);
  });

  test("the standard variables switch it off although there is an endpoint", async () => {
    const OTEL_EXPORTER_OTLP_ENDPOINT = "http://127.0.0.1:9";
    expect(packages(await loaded({ env: { OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SDK_DISABLED: "true" } }))).toEqual([]);
    expect(packages(await loaded({ env: { OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_EXPORTER: "none" } }))).toEqual([]);
    // The check can fail: with tracing on, they are.
    const on = packages(await loaded({ env: { OTEL_EXPORTER_OTLP_ENDPOINT } }));
    expect(on.some((url) => url.includes("/@opentelemetry/sdk-trace-base/"))).toBe(true);
  });
});
