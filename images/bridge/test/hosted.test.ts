import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type BridgeSetup, type RunningBridge, startBridge, until } from "./fixtures/bridge.ts";
import { initialize, openSession, SseSession, STREAMABLE, send } from "./fixtures/http-client.ts";
import { call, request, stream, textOf } from "./fixtures/sessionless-client.ts";

const PROGRAM = fileURLToPath(new URL("fixtures/hosted-program.ts", import.meta.url));

const running: RunningBridge[] = [];
const start = async (setup: BridgeSetup = {}): Promise<RunningBridge> => {
  const bridge = await startBridge({ ...setup, program: PROGRAM });
  running.push(bridge);
  return bridge;
};
// Each starts a program of its own, on a machine that may have others to serve.
vi.setConfig({ testTimeout: 30_000 });
afterEach(async () => {
  await Promise.all(running.splice(0).map((bridge) => bridge.stop()));
});

const healthOf = async (bridge: RunningBridge) => {
  const reply = await fetch(`${bridge.url}/health`);
  return { status: reply.status, report: (await reply.json()) as Record<string, unknown> };
};
const events = (bridge: RunningBridge, event: string) => bridge.log.filter((line) => line.event === event);
const program = (...args: string[]) =>
  spawnSync(process.execPath, [PROGRAM, ...args], { encoding: "utf8", timeout: 20_000 });

describe("a server hosted in this process", () => {
  test("serves a session over Streamable HTTP, without a process", async () => {
    const bridge = await start();
    const session = await openSession(bridge.url);
    expect(await session.call("echo", { value: { b: 1, a: ["x"] } })).toBe('{"b":1,"a":["x"]}');
    expect(bridge.descendants()).toBe(0);
    expect((await session.delete()).status).toBe(200);
    expect((await session.request("tools/list")).status).toBe(404);
  });

  test("serves a session over SSE", async () => {
    const bridge = await start();
    const session = await SseSession.open(bridge.url);
    expect(await session.call("echo", { value: 1 })).toBe("1");
    session.close();
    await until("its server is gone", async () => (await bridge.metric("mcp_child_processes")) === 1);
  });

  test("serves 2026-07-28, with progress and with what it asks its client", async () => {
    const bridge = await start();
    expect(await textOf(bridge.url, "echo", { value: "hello" })).toBe('"hello"');
    const reader = await stream(bridge.url, "tools/call", { name: "progress" }, { meta: { progressToken: "p" } });
    const messages = await reader.rest();
    expect(messages.map(({ params, result }) => params ?? result.content[0].text)).toEqual([
      { progressToken: "p", progress: 1, total: 2 },
      { progressToken: "p", progress: 2, total: 2 },
      "done",
    ]);
    const capabilities = { elicitation: {} };
    const asked = await call(bridge.url, "ask", {}, { capabilities });
    const { requestState, inputRequests } = asked.result;
    const [key = ""] = Object.keys(inputRequests);
    const retry = { requestState, inputResponses: { [key]: { action: "accept", content: { name: "Ada" } } } };
    const answered = await call(bridge.url, "ask", {}, { capabilities, retry });
    expect(answered.result.content[0].text).toBe('{"action":"accept","content":{"name":"Ada"}}');
  });

  test("sessions have servers of their own, which know their tag", async () => {
    const bridge = await start();
    const [one, two] = [await openSession(bridge.url), await openSession(bridge.url)];
    const tags = [await one.call("tag"), await two.call("tag")];
    expect(new Set(tags).size).toBe(2);
    expect(events(bridge, "session_start").map(({ session }) => session)).toEqual(tags);
    expect(events(bridge, "said_by_the_server").map(({ session }) => session)).toEqual(tags);
  });

  test("ids and progress tokens come back as they were written, however large", async () => {
    const bridge = await start();
    const session = await openSession(bridge.url);
    const ids = ["12345678901234567890", "12345678901234567891", '"12345678901234567890"', "7.5", '"a\\u0062"', "-0"];
    const texts = await Promise.all(
      ids.map(async (id) => {
        const params = `{"name":"progress","arguments":{},"_meta":{"progressToken":${id}}}`;
        return (await session.post(`{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":${params}}`)).text;
      }),
    );
    texts.forEach((text, i) => {
      expect(text.split(`"progressToken":${ids[i]}`).length - 1).toBe(2);
      expect(text.split(`"id":${ids[i]}`).length - 1).toBe(1);
    });
  });

  test("a request with a large id can be cancelled", async () => {
    const bridge = await start();
    const session = await openSession(bridge.url);
    const id = "98765432109876543210";
    const params = '{"name":"slow","arguments":{"ms":20000}}';
    const waiting = session.post(`{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":${params}}`);
    await until("it is in flight", async () => (await bridge.metric("mcp_requests_in_flight")) === 1);
    await session.post(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":${id}}}`);
    expect((await waiting).messages).toEqual([]);
    expect(await bridge.metric("mcp_requests_in_flight")).toBe(0);
  });

  test("500 calls in one burst in one session: every answer reaches its own request", async () => {
    const bridge = await start();
    const session = await openSession(bridge.url);
    const calls = Array.from({ length: 500 }, (_, value) => session.call("echo", { value }));
    expect(await Promise.all(calls)).toEqual(calls.map((_, i) => String(i)));
  });
});

describe("faults stay where they are", () => {
  test("a handler that throws is a tool error", async () => {
    const session = await openSession((await start()).url);
    const { messages } = await session.request("tools/call", { name: "throw" });
    expect(messages[0].result).toEqual({ content: [{ type: "text", text: "thrown by the tool" }], isError: true });
  });

  test("a rejection that nobody handles is logged with the session's tag; the session goes on", async () => {
    const bridge = await start();
    const session = await openSession(bridge.url);
    expect(await session.call("reject-unheard")).toBe("gone on");
    const tag = await session.call("tag");
    await until("it is logged", () => events(bridge, "unhandled_rejection").length === 1);
    expect(events(bridge, "unhandled_rejection")[0]).toMatchObject({ level: "error", session: tag });
    expect(String(events(bridge, "unhandled_rejection")[0]?.error)).toContain("nobody waits for this");
    expect(await session.call("echo", { value: 2 })).toBe("2");
  });

  test("an uncaught error ends its own session alone", async () => {
    const bridge = await start();
    const [bad, good] = [await openSession(bridge.url), await openSession(bridge.url)];
    const { messages } = await bad.request("tools/call", { name: "throw-later" });
    expect(messages[0].error).toEqual({ code: -32000, message: "the server process had an uncaught error" });
    expect((await bad.request("tools/list")).status).toBe(404);
    expect(await good.call("echo", { value: 3 })).toBe("3");
    expect(events(bridge, "uncaught_error")[0]?.session).toBe(events(bridge, "session_start")[0]?.session);
    expect(await bridge.metric("mcp_child_restarts_total")).toBe(1);
  });

  test("a server that closes its connection ends its session: requests in flight get an error", async () => {
    const session = await openSession((await start()).url);
    const { messages } = await session.request("tools/call", { name: "close" });
    expect(messages[0].error).toEqual({ code: -32000, message: "the server process closed its connection" });
    expect((await session.request("tools/list")).status).toBe(404);
  });

  test("a result that is no JSON is an error, and nothing else", async () => {
    const session = await openSession((await start()).url);
    const { messages } = await session.request("tools/call", { name: "unprintable" });
    expect(messages[0].error).toEqual({
      code: -32603,
      message: "the server's answer is no JSON: Do not know how to serialize a BigInt",
    });
    expect(await session.call("echo", { value: 4 })).toBe("4");
  });

  test("a result over --max-message-bytes is an error, and nothing else", async () => {
    const bridge = await start({ args: ["--max-message-bytes", "64KiB"] });
    const session = await openSession(bridge.url);
    const { messages } = await session.request("tools/call", { name: "large", arguments: { bytes: 70_000 } });
    expect(messages[0].error.code).toBe(-32603);
    expect(messages[0].error.message).toMatch(
      /^the server's answer of 70\d\d\d bytes is over --max-message-bytes, 65536$/,
    );
    expect(await session.call("echo", { value: 5 })).toBe("5");
    expect(await bridge.metric('mcp_failures_total{cause="oversized_message"}')).toBe(1);
  });

  test("createServer that throws: 503 without the cause, which is logged; health turns red", async () => {
    const bridge = await start({ env: { HOSTED_CREATE_FAILS: "1" } });
    const reply = await initialize(bridge.url);
    expect(reply.status).toBe(503);
    expect(Number(reply.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
    expect(reply.text).not.toContain("secret-host");
    expect(String(events(bridge, "server_start_failed")[0]?.error)).toContain("secret-host.internal");
    await until("health is red", async () => (await healthOf(bridge)).report.status === "failing");
    expect((await healthOf(bridge)).report).toMatchObject({
      checks: { server: { ok: false, detail: "the server crashes again and again; restarts are held back" } },
    });
    expect(await bridge.metric('mcp_failures_total{cause="start_refused"}')).toBeGreaterThanOrEqual(1);
  });

  test("createServer that throws for one client does not end another's session", async () => {
    // The first is for health.
    const bridge = await start({ env: { HOSTED_FAILS_AFTER: "2" } });
    const session = await openSession(bridge.url);
    expect((await initialize(bridge.url)).status).toBe(503);
    expect(await session.call("echo", { value: 6 })).toBe("6");
  });
});

describe("a slow client", () => {
  const flood = async (bridge: RunningBridge, waits: boolean): Promise<Response> => {
    const session = await openSession(bridge.url);
    const params = { name: "flood", arguments: { waits } };
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params });
    return fetch(session.url, { method: "POST", headers: { ...STREAMABLE, ...session.headers }, body });
  };

  test("holds a server back that waits for what it sends; then everything comes", async () => {
    const bridge = await start({ args: ["--max-queue-bytes", "1MiB"] });
    const response = await flood(bridge, true);
    let queued = 0;
    await until("the queue is full", async () => {
      const before = queued;
      queued = (await bridge.metric("mcp_queue_bytes")) ?? 0;
      return queued > 2 ** 20 && queued === before;
    });
    expect(queued).toBeLessThan(2 ** 20 + 400_000);
    const text = await response.text();
    expect(text.split("notifications/message").length - 1).toBe(400);
    expect(text).toContain('"written"');
  });

  test("ends the session of a server that writes on regardless, and says why", async () => {
    const bridge = await start({ args: ["--max-queue-bytes", "1MiB"] });
    const response = await flood(bridge, false);
    await until("the session has ended", async () => (await bridge.metric("mcp_active_sessions")) === 0);
    const [overflow] = events(bridge, "queue_overflow");
    expect(overflow).toMatchObject({ level: "error", limit: 1_048_576 });
    expect(overflow?.session).toBe(events(bridge, "session_start")[0]?.session);
    expect(events(bridge, "session_end")[0]?.reason).toContain("more than 1048576 bytes wait");
    await response.body?.cancel().catch(() => {});
    const other = await openSession(bridge.url);
    expect(await other.call("echo", { value: 7 })).toBe("7");
  });
});

describe("health and metrics of its own", () => {
  test("/health shows each check by name", async () => {
    const bridge = await start();
    await until("it is up", async () => (await healthOf(bridge)).status === 200);
    const { report } = await healthOf(bridge);
    expect(report).toMatchObject({ status: "ok", server: "fixture", version: "7.8.9" });
    expect(Object.entries(report.checks as object).map(([name, { ok, detail }]) => [name, ok, detail])).toEqual([
      ["server", true, "the server answers"],
      ["database", true, "database answers"],
      ["disk", true, "disk answers"],
    ]);
  });

  test("its own metrics follow the bridge's", async () => {
    const bridge = await start();
    await openSession(bridge.url);
    expect(await bridge.metric("hosted_created")).toBe(2);
    expect(await bridge.metric("mcp_active_sessions")).toBe(1);
  });
});

describe("the program", () => {
  test("drains on SIGTERM: the call in flight is answered, the server's own close is called, exit 0", async () => {
    const folder = mkdtempSync(join(tmpdir(), "hosted-"));
    const file = join(folder, "closed");
    const bridge = await start({ env: { HOSTED_CLOSED_FILE: file } });
    const session = await openSession(bridge.url);
    const slow = session.call("slow", { ms: 700 });
    await until("it is in flight", async () => (await bridge.metric("mcp_requests_in_flight")) === 1);
    const exit = bridge.stop();
    expect(await slow).toBe("done");
    expect(await exit).toBe(0);
    expect(existsSync(file) && readFileSync(file, "utf8")).toBe("closed");
    rmSync(folder, { recursive: true });
  });

  test("a server that never closes does not hold up the drain", async () => {
    const bridge = await start({ env: { HOSTED_CLOSE_HANGS: "1" } });
    await openSession(bridge.url);
    expect(await bridge.stop()).toBe(0);
    // The session's, and the one for health.
    expect(events(bridge, "server_close_timeout").length).toBe(2);
    expect(events(bridge, "stopped").length).toBe(1);
  });

  test("--help names the server, and no option about processes", () => {
    const { stdout, status } = program("--help");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^hosted-fixture is an MCP server over HTTP, hosted in this process\./);
    expect(stdout).toContain("--max-sessions");
    expect(stdout).not.toMatch(/--child-mode|--warm-children|<command>/);
  });

  test("a command is refused, as is an option about processes; all problems at once", () => {
    const { stderr, status } = program("--warm-children", "1", "--port", "x", "--", "node", "server.js");
    expect(status).toBe(2);
    expect(stderr).toContain("3 problems");
    expect(stderr).toContain("--warm-children: no such option");
    expect(stderr).toContain(
      'a command is given, but the server "hosted-fixture" runs in this process: take `--` and all after it away',
    );
  });

  test("tokens, tool lists and stripped capabilities work as for a command", async () => {
    const digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    const env = { MCP_AUTH_TOKEN_SHA256: digest, MCP_ALLOWED_TOOLS: "echo" };
    const bridge = await start({ env });
    expect((await initialize(bridge.url)).status).toBe(401);
    const headers = { authorization: "Bearer test" };
    const session = await openSession(bridge.url, "2025-11-25", {}, headers);
    const { messages } = await session.request("tools/list");
    expect(messages[0].result.tools.map(({ name }: { name: string }) => name)).toEqual(["echo"]);
    const refused = await request(bridge.url, "tools/call", { name: "tag" }, { headers });
    expect(refused.messages[0].error.code).toBe(-32602);
    expect((await send(`${bridge.url}/mcp`, "GET", undefined, headers)).status).toBe(406);
  });
});
