import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RunningBridge, startBridge, until, warm } from "./fixtures/bridge.ts";
import { initialize, type Message, openSession, send } from "./fixtures/http-client.ts";
import { call, PREFIX, request, requestOf, stream, textOf, VERSION } from "./fixtures/sessionless-client.ts";

const BIN = fileURLToPath(new URL("../bin/mcp-bridge.ts", import.meta.url));
const SERVER_INFO = { [`${PREFIX}serverInfo`]: { name: "fixture", version: "1.2.3" } };
const ABLE = { sampling: {}, elicitation: {}, roots: {} };

let bridge: RunningBridge;
beforeAll(async () => {
  bridge = await startBridge();
  await warm(bridge);
});
afterAll(() => bridge.stop());

/** Runs a test on a bridge of its own. */
async function withBridge(args: readonly string[], use: (own: RunningBridge) => Promise<void>): Promise<void> {
  const own = await startBridge({ args });
  try {
    await use(own);
  } finally {
    await own.stop();
  }
}

const baseline = (own: RunningBridge) => until("the spare alone is left", () => own.descendants() === 1);

describe("on the wire", () => {
  test("server/discover introduces the server", async () => {
    const reply = await request(bridge.url, "server/discover", {}, { id: "d" });
    expect([reply.status, reply.headers.get("content-type"), reply.headers.get("mcp-session-id")]).toEqual([
      200,
      "application/json",
      null,
    ]);
    expect(reply.messages).toEqual([
      {
        jsonrpc: "2.0",
        id: "d",
        result: {
          resultType: "complete",
          supportedVersions: [VERSION],
          capabilities: { tools: { listChanged: true }, resources: { subscribe: true }, logging: {} },
          ttlMs: 0,
          cacheScope: "private",
          _meta: SERVER_INFO,
        },
      },
    ]);
  });

  test.each([
    ["a version that is not served", "tools/list", { "mcp-protocol-version": "2099-01-01" }, 400, -32020],
    ["another method in the header", "tools/list", { "mcp-method": "tools/call" }, 400, -32020],
    ["a method that is gone", "ping", {}, 404, -32601],
    ["a method that the server does not know", "prompts/list", {}, 404, -32601],
    ["a resource that is not there", "resources/read", {}, 200, -32602],
  ])("%s: the specified error with the request's id", async (_name, method, headers, status, code) => {
    const params = method === "resources/read" ? { uri: "r:1" } : {};
    const reply = await request(bridge.url, method, params, { id: "e", headers });
    expect([reply.status, reply.messages[0].id, reply.messages[0].error.code]).toEqual([status, "e", code]);
    if (code === -32602) expect(reply.messages[0].error.data).toEqual({ uri: "r:1" });
  });

  test.each(["GET", "DELETE"])("%s is 405", async (method) => {
    const headers = { accept: "text/event-stream", "mcp-protocol-version": VERSION };
    const reply = await send(`${bridge.url}/mcp`, method, undefined, headers);
    expect([reply.status, reply.headers.get("allow")]).toEqual([405, "POST"]);
  });

  test("a notification is taken, a batch is not, nor is an answer", async () => {
    const { message, headers } = requestOf("notifications/cancelled", { requestId: 1 });
    const { id, ...notification } = message;
    const taken = await send(`${bridge.url}/mcp`, "POST", JSON.stringify(notification), headers);
    expect([taken.status, taken.text]).toEqual([202, ""]);
    const batch = await send(`${bridge.url}/mcp`, "POST", JSON.stringify([message]), headers);
    expect([batch.status, batch.messages[0].error.code]).toEqual([400, -32600]);
    const answer = await send(`${bridge.url}/mcp`, "POST", `{"jsonrpc":"2.0","id":${id},"result":{}}`, headers);
    expect([answer.status, answer.messages[0].error.code]).toEqual([400, -32600]);
  });

  test("numbers are not touched, in either direction", async () => {
    const { message, headers } = requestOf("tools/call", { name: "line", arguments: {} });
    const body = JSON.stringify(message).replace('"arguments":{}', '"arguments":{"n":12345678901234567890,"f":1.0}');
    const reply = await send(`${bridge.url}/mcp`, "POST", body, headers);
    expect(reply.messages[0].result.content[0].text).toContain('"arguments":{"n":12345678901234567890,"f":1.0}');
    const raw = await request(bridge.url, "tools/call", {
      name: "raw",
      arguments: { result: '{"n":12345678901234567890}' },
    });
    expect(raw.text).toContain('"n":12345678901234567890}');
  });

  test("equal ids and tokens of concurrent calls on one server do not mix", async () => {
    const pids = new Set<string>();
    await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        expect(await textOf(bridge.url, "echo", { text: `call ${i}` }, { id: 1 })).toBe(`call ${i}`);
        pids.add(await textOf(bridge.url, "pid", {}, { id: 1 }));
      }),
    );
    expect(pids.size).toBe(1);
  });

  test("progress comes on the call's own stream, with its own token", async () => {
    const run = async (token: string) => {
      const reply = await request(
        bridge.url,
        "tools/call",
        { name: "progress", arguments: { steps: 3, pause: 5 } },
        { meta: { progressToken: token } },
      );
      expect(reply.headers.get("content-type")).toBe("text/event-stream");
      return reply.messages.slice(0, -1).map(({ params }) => [params.progressToken, params.progress]);
    };
    const [a, b] = await Promise.all([run("a"), run("b")]);
    expect([a, b]).toEqual([
      [
        ["a", 1],
        ["a", 2],
        ["a", 3],
      ],
      [
        ["b", 1],
        ["b", 2],
        ["b", 3],
      ],
    ]);
  });

  test("logs come to who asks for them, from the level on", async () => {
    const announce = (level: string) => ({ method: "notifications/message", params: { level, data: "d" } });
    const methods = async (level: string, logLevel?: string) => {
      const args = { name: "announce", arguments: announce(level) };
      const reply = await request(bridge.url, "tools/call", args, logLevel === undefined ? {} : { logLevel });
      return reply.messages.map((message) => message.method ?? "answer");
    };
    expect(await methods("info")).toEqual(["answer"]);
    expect(await methods("info", "info")).toEqual(["notifications/message", "answer"]);
    expect(await methods("info", "warning")).toEqual(["answer"]);
    expect(await textOf(bridge.url, "logLevel", {}, { logLevel: "error" })).toBe("error");
  });
});

describe("a server that asks", () => {
  const question = { method: "elicitation/create", params: { message: "who?" } };
  const retryOf = (message: Message, inputs: object) => ({
    inputResponses: inputs,
    requestState: message.result.requestState,
  });

  test("is answered in a second request", async () => {
    const first = await call(bridge.url, "ask", question, { capabilities: ABLE });
    expect(first.result).toEqual({
      resultType: "input_required",
      inputRequests: { "elicitation-1": question },
      requestState: first.result.requestState,
      _meta: SERVER_INFO,
    });
    const retry = retryOf(first, { "elicitation-1": { action: "accept", content: { n: 1 } }, extra: {} });
    const second = await call(bridge.url, "ask", question, { capabilities: ABLE, id: "again", retry });
    expect([second.id, second.result.resultType]).toEqual(["again", "complete"]);
    expect(JSON.parse(second.result.content[0].text).result).toEqual({ action: "accept", content: { n: 1 } });
  });

  test("may ask several things at once; what is missing is asked for again", async () => {
    const args = { methods: ["elicitation/create", "sampling/createMessage", "roots/list"] };
    const options = { capabilities: ABLE };
    const first = await call(bridge.url, "askAll", args, options);
    expect(Object.keys(first.result.inputRequests)).toEqual(["elicitation-1", "sampling-2", "roots-3"]);
    const some = { "elicitation-1": { a: 1 }, "roots-3": 5 };
    const second = await call(bridge.url, "askAll", args, { ...options, retry: retryOf(first, some) });
    expect(Object.keys(second.result.inputRequests)).toEqual(["sampling-2", "roots-3"]);
    expect(second.result.requestState).not.toBe(first.result.requestState);
    const rest = { "sampling-2": { b: 2 }, "roots-3": { c: 3 } };
    const third = await call(bridge.url, "askAll", args, { ...options, retry: retryOf(second, rest) });
    expect(JSON.parse(third.result.content[0].text)).toEqual([{ a: 1 }, { b: 2 }, { c: 3 }]);
  });

  test("for what its client did not declare: the call is cancelled and refused", async () => {
    const reply = await request(bridge.url, "tools/call", { name: "ask", arguments: question }, { id: "x" });
    expect([reply.status, reply.messages[0].id, reply.messages[0].error.code]).toEqual([400, "x", -32021]);
    expect(reply.messages[0].error.data).toEqual({ requiredCapabilities: { elicitation: {} } });
    expect(JSON.parse(await textOf(bridge.url, "cancelled"))).toHaveLength(1);
  });

  test.each([
    ["a state that was changed", (state: string) => `${state}x`, question],
    ["the state of another call", (state: string) => state, { ...question, params: {} }],
  ])("does not take %s", async (_name, change, args) => {
    const first = await call(bridge.url, "ask", question, { capabilities: ABLE });
    const retry = { inputResponses: {}, requestState: change(first.result.requestState) };
    const second = await call(bridge.url, "ask", args, { capabilities: ABLE, retry });
    expect(second.error.code).toBe(-32602);
  });

  test("holds four calls of a kind; the oldest starts anew when its client comes back", async () => {
    await withBridge(["--idle-timeout", "2s"], async (own) => {
      const options = { capabilities: { elicitation: {} } };
      const ask = async () => call(own.url, "ask", question, options);
      const first = await ask();
      for (let i = 0; i < 4; i++) await ask();
      const inputs = { "elicitation-1": { action: "accept" } };
      const again = await call(own.url, "ask", question, { ...options, retry: retryOf(first, inputs) });
      expect(again.result.resultType).toBe("input_required");
      const done = await call(own.url, "ask", question, { ...options, retry: retryOf(again, inputs) });
      expect(done.result.resultType).toBe("complete");
      await baseline(own);
    });
  });

  test("serves one call at a time, and the next one when it is done", async () => {
    const options = { capabilities: { sampling: {} } };
    const pid = () => textOf(bridge.url, "pid", {}, options);
    const one = await pid();
    expect(await pid()).toBe(one);
    const busy = textOf(bridge.url, "sleep", { ms: 1_000 }, options);
    await until("it is called", async () => (await bridge.metric("mcp_requests_in_flight")) === 1);
    expect(await pid()).not.toBe(one);
    await busy;
  });

  test("is not used for another client once it knows one's folders", async () => {
    const options = { capabilities: { roots: {} } };
    const first = await call(bridge.url, "ask", { method: "roots/list" }, options);
    const retry = retryOf(first, { "roots-1": { roots: [] } });
    await call(bridge.url, "ask", { method: "roots/list" }, { ...options, retry });
    const fresh = await textOf(bridge.url, "line", {}, options);
    // The first call of a server has the id after `initialize`.
    expect(JSON.parse(fresh).id).toBe(2);
  });
});

describe("subscriptions", () => {
  const announce = (method: string, params: object = {}) => textOf(bridge.url, "announce", { method, params });

  test("hear what they asked for, after the acknowledgement", async () => {
    const notifications = { toolsListChanged: true, promptsListChanged: true, resourceSubscriptions: ["r:1"] };
    const reader = await stream(bridge.url, "subscriptions/listen", { notifications }, { id: 77 });
    const tag = { [`${PREFIX}subscriptionId`]: 77 };
    expect(await reader.message()).toEqual({
      jsonrpc: "2.0",
      method: "notifications/subscriptions/acknowledged",
      // The server does not announce changes of its prompts.
      params: { notifications: { toolsListChanged: true, resourceSubscriptions: ["r:1"] }, _meta: tag },
    });
    await announce("notifications/prompts/list_changed");
    await announce("notifications/resources/updated", { uri: "r:2" });
    await announce("notifications/resources/updated", { uri: "r:1" });
    await announce("notifications/tools/list_changed");
    expect(await reader.message()).toMatchObject({
      method: "notifications/resources/updated",
      params: { uri: "r:1", _meta: tag },
    });
    expect(await reader.message()).toMatchObject({
      method: "notifications/tools/list_changed",
      params: { _meta: tag },
    });
    reader.close();
    await until("it is unsubscribed", async () =>
      (await textOf(bridge.url, "subscriptions")).includes("unsubscribe r:1"),
    );
  });

  test("to one resource are one subscription of the server", async () => {
    const before = JSON.parse(await textOf(bridge.url, "subscriptions")).length;
    const listen = () =>
      stream(bridge.url, "subscriptions/listen", { notifications: { resourceSubscriptions: ["r:9"] } });
    const [one, two] = [await listen(), await listen()];
    for (const reader of [one, two]) await reader.message();
    const since = async () => JSON.parse(await textOf(bridge.url, "subscriptions")).slice(before);
    expect(await since()).toEqual(["subscribe r:9"]);
    one.close();
    await announce("notifications/resources/updated", { uri: "r:9" });
    expect((await two.message()).params.uri).toBe("r:9");
    two.close();
    await until("the last one unsubscribes", async () => (await since()).length === 2);
    expect(await since()).toEqual(["subscribe r:9", "unsubscribe r:9"]);
  });

  test("end with a result when the bridge does", async () => {
    const own = await startBridge();
    const reader = await stream(
      own.url,
      "subscriptions/listen",
      { notifications: { toolsListChanged: true } },
      { id: "l" },
    );
    await reader.message();
    const stopped = own.stop();
    expect(await reader.message()).toMatchObject({
      id: "l",
      result: { resultType: "complete", _meta: { [`${PREFIX}subscriptionId`]: "l" } },
    });
    expect(await stopped).toBe(0);
  });

  test("without a filter are refused", async () => {
    const reply = await request(bridge.url, "subscriptions/listen");
    expect([reply.status, reply.messages[0].error.code]).toEqual([400, -32602]);
  });
});

describe("faults", () => {
  test("a server that dies: every call in flight gets an error at once, the next one is served", async () => {
    await withBridge([], async (own) => {
      const reader = await stream(own.url, "subscriptions/listen", { notifications: {} });
      await reader.message();
      const waiting = Array.from({ length: 5 }, () => call(own.url, "sleep", { ms: 20_000 }));
      await until("they wait", async () => (await own.metric("mcp_requests_in_flight")) === 5);
      const crash = await call(own.url, "crash");
      for (const message of [crash, ...(await Promise.all(waiting)), ...(await reader.rest())]) {
        expect(message.error.code).toBe(-32000);
      }
      expect(await textOf(own.url, "echo", { text: "there" })).toBe("there");
      expect(await own.metric("mcp_requests_in_flight")).toBe(0);
    });
  });

  test("a call that takes too long: error and cancel; progress gives it more time", async () => {
    await withBridge(["--request-timeout", "1s"], async (own) => {
      await warm(own);
      const slow = await call(own.url, "sleep", { ms: 5_000 });
      expect(slow.error.code).toBe(-32001);
      expect(JSON.parse(await textOf(own.url, "cancelled"))).toHaveLength(1);
      const meta = { progressToken: 1 };
      expect(await textOf(own.url, "echo", { text: "x" })).toBe("x");
      const reply = await call(own.url, "progress", { steps: 5, pause: 300 }, { meta });
      expect(reply.result.content[0].text).toBe("progressed");
    });
  });

  test("a client that leaves: its call is cancelled, alone", async () => {
    const before = JSON.parse(await textOf(bridge.url, "cancelled")).length;
    const abort = new AbortController();
    const { message, headers } = requestOf("tools/call", { name: "sleep", arguments: { ms: 20_000 } });
    const gone = fetch(`${bridge.url}/mcp`, {
      method: "POST",
      headers,
      body: JSON.stringify(message),
      signal: abort.signal,
    });
    const other = textOf(bridge.url, "sleep", { ms: 1_500 });
    await until("both run", async () => (await bridge.metric("mcp_requests_in_flight")) === 2);
    abort.abort();
    await expect(gone).rejects.toThrow();
    await until("it is cancelled", async () => JSON.parse(await textOf(bridge.url, "cancelled")).length === before + 1);
    expect(await other).toBe("slept 1500");
  });

  test("over the caps: 429 and 503, with Retry-After", async () => {
    await withBridge(["--max-in-flight", "2", "--max-sessions", "1"], async (own) => {
      const busy = [textOf(own.url, "sleep", { ms: 1_500 }), textOf(own.url, "sleep", { ms: 1_500 })];
      await until("both run", async () => (await own.metric("mcp_requests_in_flight")) === 2);
      const third = await request(own.url, "tools/list");
      expect([third.status, third.headers.get("retry-after")]).toEqual([429, "1"]);
      await Promise.all(busy);
      // The shared server is the one that may be open.
      const more = await request(own.url, "tools/list", {}, { capabilities: { sampling: {} } });
      expect([more.status, more.headers.get("retry-after")]).toEqual([503, "5"]);
    });
  });

  test("sessions and servers without one share the cap: an idle server makes way for a session, a busy one does not", async () => {
    await withBridge(["--max-sessions", "1"], async (own) => {
      const busy = textOf(own.url, "sleep", { ms: 1_500 });
      await until("it runs", async () => (await own.metric("mcp_requests_in_flight")) === 1);
      const refused = await initialize(own.url);
      expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "5"]);
      expect(await busy).toBe("slept 1500");
      const session = await openSession(own.url);
      expect((await request(own.url, "tools/list")).status).toBe(503);
      await session.delete();
      await until("the session is gone", async () => (await own.metric("mcp_active_sessions")) === 0);
      expect(await textOf(own.url, "echo", { text: "room again" })).toBe("room again");
    });
  });

  test("a client that reads nothing is let go, and holds back no other for longer", async () => {
    await withBridge(["--max-queue-bytes", "1MiB", "--request-timeout", "1s"], async (own) => {
      const abort = new AbortController();
      const { message, headers } = requestOf("tools/call", { name: "big", arguments: { bytes: 20_000_000 } });
      const init = { method: "POST", headers, body: JSON.stringify(message), signal: abort.signal };
      const unread = await fetch(`${own.url}/mcp`, init);
      expect(await own.metric("mcp_queue_bytes")).toBeGreaterThan(2 ** 20);
      await until("it is let go", async () => (await own.metric("mcp_queue_bytes")) === 0);
      expect(await textOf(own.url, "echo", { text: "served" })).toBe("served");
      await expect(unread.text()).rejects.toThrow();
      abort.abort();
    });
  });

  test("10 MB go through in both directions", async () => {
    const text = "ä".repeat(5_000_000);
    expect(await textOf(bridge.url, "echo", { text })).toBe(text);
  });

  test("arguments nested deeper than any stack can wait for input as well", async () => {
    const { message, headers } = requestOf("tools/call", { name: "ask", arguments: {} }, { capabilities: ABLE });
    const deep = `{"method":"elicitation/create","x":${"[".repeat(100_000)}${"]".repeat(100_000)}}`;
    const body = JSON.stringify(message).replace('"arguments":{}', `"arguments":${deep}`);
    const reply = await send(`${bridge.url}/mcp`, "POST", body, headers);
    expect(reply.messages[0].result.resultType).toBe("input_required");
  });

  test.each(["5", "null", "[]"])("a result that is %s is an empty one", async (result) => {
    const reply = await call(bridge.url, "raw", { result });
    expect(reply.result).toEqual({ resultType: "complete", _meta: SERVER_INFO });
  });

  test("a slow answer is a stream with comments, which no proxy closes", async () => {
    await withBridge(["--keep-alive", "100ms"], async (own) => {
      const reply = await request(own.url, "tools/call", { name: "sleep", arguments: { ms: 350 } });
      expect(reply.text).toContain(": keep-alive\n\n");
      expect(reply.messages.at(-1).result.resultType).toBe("complete");
    });
  });

  test("no server stays behind: neither shared, nor pooled, nor waiting for input", async () => {
    await withBridge(["--idle-timeout", "500ms"], async (own) => {
      await textOf(own.url, "echo", { text: "x" });
      await Promise.all([1, 2, 3].map(() => textOf(own.url, "sleep", { ms: 50 }, { capabilities: ABLE })));
      await call(own.url, "ask", { method: "roots/list" }, { capabilities: ABLE });
      expect(own.descendants()).toBeGreaterThan(3);
      await baseline(own);
    });
  });

  test("a server that does not start: 503", async () => {
    const own = await startBridge({ server: ["--crash"] });
    try {
      const reply = await request(own.url, "server/discover");
      expect([reply.status, reply.messages[0].error.code]).toEqual([503, -32000]);
    } finally {
      await own.stop();
    }
  });
});

describe("policies hold in this era too", () => {
  test("tools that are not allowed are neither listed nor called", async () => {
    await withBridge(["--allowed-tool", "echo"], async (own) => {
      const list = await request(own.url, "tools/list");
      expect(list.messages[0].result.tools.map(({ name }: Message) => name)).toEqual(["echo"]);
      expect((await call(own.url, "crash")).error.code).toBe(-32602);
      expect(await textOf(own.url, "echo", { text: "x" })).toBe("x");
      expect(await own.metric('mcp_requests_total{method="tools/call",tool="echo",outcome="ok"}')).toBe(1);
      expect(await own.metric('mcp_requests_total{method="tools/call",tool="",outcome="refused"}')).toBe(1);
    });
  });

  test("capabilities that are stripped reach no server, nor do its questions reach a client", async () => {
    await withBridge(["--strip-client-capability", "roots"], async (own) => {
      const options = { capabilities: { roots: {}, sampling: {} } };
      expect(await textOf(own.url, "capabilities", {}, options)).toBe('{"sampling":{}}');
      const answer = JSON.parse(await textOf(own.url, "ask", { method: "roots/list" }, options));
      expect(answer.error.code).toBe(-32601);
    });
  });

  test("tokens are needed, and each has servers of its own", async () => {
    const digests = ["one", "two"].map((token) => createHash("sha256").update(token).digest("hex"));
    const own = await startBridge({ env: { MCP_AUTH_TOKEN_SHA256: digests.join(",") } });
    try {
      expect((await request(own.url, "tools/list")).status).toBe(401);
      const as = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
      const pids = await Promise.all(["one", "one", "two"].map((token) => textOf(own.url, "pid", {}, as(token))));
      expect(pids[0]).toBe(pids[1]);
      expect(pids[2]).not.toBe(pids[0]);
      const ask = { method: "elicitation/create", params: {} };
      const options = { capabilities: { elicitation: {} } };
      const first = await call(own.url, "ask", ask, { ...options, ...as("one") });
      const retry = { inputResponses: {}, requestState: first.result.requestState };
      expect((await call(own.url, "ask", ask, { ...options, ...as("two"), retry })).error.code).toBe(-32602);
    } finally {
      await own.stop();
    }
  });

  test("foreign origins are refused", async () => {
    const reply = await request(bridge.url, "tools/list", {}, { headers: { origin: "https://evil.example" } });
    expect(reply.status).toBe(403);
  });

  test("sessions are served beside it", async () => {
    const session = await openSession(bridge.url);
    expect(await session.call("echo", { text: "by session" })).toBe("by session");
    expect(await textOf(bridge.url, "pid")).not.toBe(await session.call("pid"));
    await session.delete();
  });
});

describe("--state-key-file", () => {
  const folder = mkdtempSync(join(tmpdir(), "state-key-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  test("another bridge with the same key asks again instead of refusing", async () => {
    const file = join(folder, "key");
    writeFileSync(file, "k".repeat(32));
    const ask = { method: "elicitation/create", params: {} };
    const options = { capabilities: { elicitation: {} } };
    const args = ["--state-key-file", file];
    await withBridge(args, async (one) => {
      const { result } = await call(one.url, "ask", ask, options);
      const retry = { inputResponses: { "elicitation-1": {} }, requestState: result.requestState };
      await withBridge(args, async (other) => {
        const again = await call(other.url, "ask", ask, { ...options, retry });
        expect(again.result.resultType).toBe("input_required");
      });
      expect((await call(bridge.url, "ask", ask, { ...options, retry })).error.code).toBe(-32602);
    });
  });

  test.each([
    ["too short", "short", "holds 5 bytes; write at least 32, e.g. with: openssl rand -base64 32"],
    ["not there", undefined, "cannot be read"],
  ])("a key that is %s is refused at start", (name, text, fault) => {
    const file = join(folder, name);
    if (text !== undefined) writeFileSync(file, text);
    const { status, stderr } = spawnSync(process.execPath, [BIN, "--state-key-file", file, "--", "true"]);
    expect([status, stderr.toString().includes(fault)]).toEqual([2, true]);
  });
});
