import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RunningBridge, until, warm } from "./fixtures/bridge.ts";
import { openSession } from "./fixtures/http-client.ts";
import { modernBridge, withModernBridge } from "./fixtures/modern-bridge.ts";
import { call, PREFIX, request, requestOf, stream, textOf, VERSION } from "./fixtures/sessionless-client.ts";

let bridge: RunningBridge;
beforeAll(async () => {
  bridge = await modernBridge();
  await warm(bridge);
});
afterAll(() => bridge.stop());

const ABLE = { sampling: {}, elicitation: { form: {} }, roots: {} };
const elicitation = { method: "elicitation/create", params: { message: "name?", requestedSchema: { type: "object" } } };

describe("what passes", () => {
  test("server/discover is the server's own, but for versions that the bridge does not serve", async () => {
    await withModernBridge(["--versions=2026-07-28,2031-01-01"], [], async (own) => {
      const reply = await request(own.url, "server/discover", {}, { id: "d" });
      expect(reply.messages).toEqual([
        {
          jsonrpc: "2.0",
          id: "d",
          result: {
            resultType: "complete",
            supportedVersions: [VERSION],
            capabilities: {
              tools: { listChanged: true },
              prompts: { listChanged: true },
              resources: { subscribe: true, listChanged: true },
              logging: {},
            },
            instructions: "be kind",
            ttlMs: 5,
            cacheScope: "public",
            _meta: { [`${PREFIX}serverInfo`]: { name: "modern", version: "3" } },
          },
        },
      ]);
    });
  });

  test("a request as it was made, but for its id and progress token", async () => {
    const meta = { traceparent: "00-a", progressToken: "mine", [`${PREFIX}clientInfo`]: { name: "c", version: "1" } };
    const more = { inputResponses: { a: { x: 1 } }, requestState: "own", other: [1] };
    const reply = await call(bridge.url, "line", { n: 1 }, { meta, capabilities: ABLE, retry: more });
    const line = JSON.parse(reply.result.content[0].text);
    expect(line.params).toEqual({
      name: "line",
      arguments: { n: 1 },
      ...more,
      _meta: {
        [`${PREFIX}protocolVersion`]: VERSION,
        [`${PREFIX}clientCapabilities`]: ABLE,
        ...meta,
        progressToken: line.id,
      },
    });
  });

  test("numbers are not touched, in either direction; the server's own cache fields stay", async () => {
    const { message, headers } = requestOf("tools/call", { name: "line", arguments: {} });
    const body = JSON.stringify(message).replace('"arguments":{}', '"arguments":{"n":12345678901234567890,"f":1.0}');
    const reply = await (await fetch(`${bridge.url}/mcp`, { method: "POST", headers, body })).text();
    expect(JSON.parse(reply).result.content[0].text).toContain('"arguments":{"n":12345678901234567890,"f":1.0}');
    const raw = await request(bridge.url, "tools/call", { name: "raw", arguments: { result: '{"n":1.0,"ttlMs":3}' } });
    expect(raw.text).toMatch(/"result":\{"n":1\.0,"ttlMs":3\}\}$/);
    const list = (await request(bridge.url, "tools/list")).messages[0].result;
    expect([list.ttlMs, list.cacheScope]).toEqual([60_000, "public"]);
  });

  test("equal ids and tokens of concurrent calls on one server do not mix", async () => {
    const pids = new Set<string>();
    await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        const meta = { progressToken: "same" };
        const params = { name: "progress", arguments: { steps: 2 } };
        const progress = request(bridge.url, "tools/call", params, { id: 1, meta, capabilities: ABLE });
        expect(await textOf(bridge.url, "echo", { text: `call ${i}` }, { id: 1 })).toBe(`call ${i}`);
        pids.add(await textOf(bridge.url, "pid", {}, { id: 1, capabilities: i % 2 === 0 ? {} : ABLE }));
        expect((await progress).messages.map((m) => m.params ?? m.id)).toEqual([
          { progressToken: "same", progress: 1, total: 2 },
          { progressToken: "same", progress: 2, total: 2 },
          1,
        ]);
      }),
    );
    expect(pids.size).toBe(1);
  });

  test("input_required and the server's own state", async () => {
    const args = { rounds: [{ who: elicitation }] };
    const first = await call(bridge.url, "ask", args, { capabilities: ABLE });
    expect(first.result).toEqual({
      resultType: "input_required",
      inputRequests: { who: elicitation },
      requestState: "round:1",
    });
    const retry = { inputResponses: { who: { action: "accept" } }, requestState: "round:1" };
    const second = await call(bridge.url, "ask", args, { capabilities: ABLE, retry });
    expect(JSON.parse(second.result.content[0].text)).toEqual([retry.inputResponses, "round:1"]);
  });

  test("a retry is the first that a new bridge hears of: the state is still the server's", async () => {
    await withModernBridge([], [], async (own) => {
      const retry = { inputResponses: { who: { action: "accept" } }, requestState: "round:1" };
      const answer = await call(own.url, "ask", { rounds: [{ who: elicitation }] }, { capabilities: ABLE, retry });
      expect(JSON.parse(answer.result.content[0].text)).toEqual([retry.inputResponses, "round:1"]);
    });
  });

  test("logs come to who asks for them, who then has a server alone", async () => {
    const args = { name: "log", arguments: { level: "warning", data: "d" } };
    const methods = async (logLevel?: string) =>
      (await request(bridge.url, "tools/call", args, logLevel === undefined ? {} : { logLevel })).messages.map(
        (message) => message.method ?? "answer",
      );
    expect(await methods()).toEqual(["answer"]);
    expect(await methods("info")).toEqual(["notifications/message", "answer"]);
    expect(await methods("error")).toEqual(["answer"]);
    const alone = await textOf(bridge.url, "pid", {}, { logLevel: "info" });
    expect(alone).not.toBe(await textOf(bridge.url, "pid"));
  });

  test.each([
    ["tools/call", { name: "lacking" }, 400, { code: -32021, data: { requiredCapabilities: { sampling: {} } } }],
    ["tools/call", { name: "vendor" }, 200, { code: -31999, data: { n: 1 } }],
    ["resources/read", { uri: "r:1" }, 200, { code: -32602, data: { uri: "r:1" } }],
    ["prompts/list", {}, 404, { code: -32601 }],
  ])("errors of the server as they are: %s %j", async (method, params, status, error) => {
    const reply = await request(bridge.url, method, params, { id: "e" });
    expect([reply.status, reply.messages[0].id]).toEqual([status, "e"]);
    expect(reply.messages[0].error).toMatchObject(error);
  });

  test("the bridge's own checks come first", async () => {
    const calls = await textOf(bridge.url, "calls");
    const wrong = await request(bridge.url, "tools/call", { name: "echo" }, { headers: { "mcp-name": "other" } });
    expect([wrong.status, wrong.messages[0].error.code]).toEqual([400, -32020]);
    expect((await request(bridge.url, "ping")).status).toBe(404);
    expect(Number(await textOf(bridge.url, "calls"))).toBe(Number(calls) + 1);
  });
});

describe("what does not", () => {
  test("tools that are not allowed, stripped capabilities, and what would bring them back", async () => {
    const args = ["--strip-client-capability", "roots"];
    for (const tool of ["line", "ask"]) args.push("--allowed-tool", tool);
    await withModernBridge([], args, async (own) => {
      const list = (await request(own.url, "tools/list")).messages[0].result;
      expect(list.tools.map(({ name }: { name: string }) => name)).toEqual(["line", "ask"]);
      expect((await call(own.url, "echo", { text: "x" })).error.code).toBe(-32602);
      const retry = { inputResponses: { a: { roots: [{ uri: "file:///" }] }, b: { action: "accept" } } };
      const capabilities = { Roots: {}, ...ABLE };
      const answer = await call(own.url, "line", {}, { capabilities, retry });
      const { params } = JSON.parse(answer.result.content[0].text);
      expect(params._meta[`${PREFIX}clientCapabilities`]).toEqual({ sampling: {}, elicitation: { form: {} } });
      expect(params.inputResponses).toEqual({ b: { action: "accept" } });
      const asks = await call(own.url, "ask", { rounds: [{ a: { method: "roots/list" } }] });
      expect(asks.error).toEqual({
        code: -32603,
        message: "the server asked for roots/list, which its clients do not offer here",
      });
    });
  });

  test("two callers do not share a server", async () => {
    const digests = ["one", "two"].map((token) => createHash("sha256").update(token).digest("hex"));
    await withModernBridge(
      [],
      digests.flatMap((digest) => ["--auth-token-sha256", digest]),
      async (own) => {
        const pid = (token: string) => textOf(own.url, "pid", {}, { headers: { authorization: `Bearer ${token}` } });
        const [one, again, two] = [await pid("one"), await pid("one"), await pid("two")];
        expect(one).toBe(again);
        expect(two).not.toBe(one);
      },
    );
  });

  test("a call whose client leaves is cancelled", async () => {
    const before = JSON.parse(await textOf(bridge.url, "cancelled")).length;
    const calls = Number(await textOf(bridge.url, "calls"));
    const { message, headers } = requestOf("tools/call", { name: "sleep", arguments: { ms: 60_000 } });
    const abort = new AbortController();
    const init = { method: "POST", headers, body: JSON.stringify(message), signal: abort.signal };
    const gone = fetch(`${bridge.url}/mcp`, init).catch(() => "gone");
    await until("the call is there", async () => Number(await textOf(bridge.url, "calls")) > calls + 1);
    abort.abort();
    expect(await gone).toBe("gone");
    await until("it is cancelled", async () => JSON.parse(await textOf(bridge.url, "cancelled")).length === before + 1);
  });

  test("a call that takes too long: error and cancel", async () => {
    await withModernBridge([], ["--request-timeout", "1s"], async (own) => {
      await warm(own);
      const late = await call(own.url, "sleep", { ms: 60_000 }, { id: 1 });
      expect(late.error).toEqual({
        code: -32001,
        message: "tools/call: no answer within 1000 ms; the request was cancelled",
      });
      expect(JSON.parse(await textOf(own.url, "cancelled"))).toHaveLength(1);
    });
  });

  test("a server that dies: an error, and the next call works", async () => {
    expect((await call(bridge.url, "crash")).error).toEqual({
      code: -32000,
      message: "the server process exited with code 7",
    });
    expect(await textOf(bridge.url, "echo", { text: "again" })).toBe("again");
  });

  test("a server that speaks neither era: 503 with its reason", async () => {
    await withModernBridge(["--versions=2031-01-01"], [], async (own) => {
      const reply = await request(own.url, "tools/list");
      expect([reply.status, reply.messages[0].error.message]).toEqual([
        503,
        "the server refused initialize: no sessions here",
      ]);
    });
  });
});

describe("subscriptions/listen", () => {
  const acknowledged = (id: number, notifications: object) => ({
    jsonrpc: "2.0",
    method: "notifications/subscriptions/acknowledged",
    params: { notifications, _meta: { [`${PREFIX}subscriptionId`]: id } },
  });

  test("each client hears what it asked for, under its own id", async () => {
    const listen = (id: number, notifications: object) =>
      stream(bridge.url, "subscriptions/listen", { notifications }, { id });
    const tools = await listen(7, { toolsListChanged: true });
    const resource = await listen(7, { resourceSubscriptions: ["r:1", "r:never"] });
    expect(await tools.message()).toEqual(acknowledged(7, { toolsListChanged: true }));
    expect(await resource.message()).toEqual(acknowledged(7, { resourceSubscriptions: ["r:1"] }));
    await textOf(bridge.url, "announce", { method: "notifications/tools/list_changed" });
    await textOf(bridge.url, "announce", { method: "notifications/resources/updated", params: { uri: "r:1" } });
    expect(await tools.message()).toEqual({
      jsonrpc: "2.0",
      method: "notifications/tools/list_changed",
      params: { _meta: { [`${PREFIX}subscriptionId`]: 7 } },
    });
    expect(await resource.message()).toEqual({
      jsonrpc: "2.0",
      method: "notifications/resources/updated",
      params: { uri: "r:1", _meta: { [`${PREFIX}subscriptionId`]: 7 } },
    });
    expect([tools.pending(), resource.pending()]).toEqual([[], []]);
    tools.close();
    resource.close();
    await until("the server listens no more", async () => (await textOf(bridge.url, "subscriptions")) === "[]");
  });

  test.each(["result", "cancelled"])("the server ends it with a %s: the stream ends with the result", async (how) => {
    const reader = await stream(
      bridge.url,
      "subscriptions/listen",
      { notifications: { toolsListChanged: true } },
      { id: 9 },
    );
    expect(await reader.message()).toEqual(acknowledged(9, { toolsListChanged: true }));
    await textOf(bridge.url, "end", { how });
    expect(await reader.rest()).toEqual([
      {
        jsonrpc: "2.0",
        id: 9,
        result: {
          resultType: "complete",
          _meta: { [`${PREFIX}subscriptionId`]: 9, [`${PREFIX}serverInfo`]: { name: "modern", version: "3" } },
        },
      },
    ]);
  });

  test("an error of the server is the answer; so is its end", async () => {
    const params = { notifications: { resourceSubscriptions: ["r:error"] } };
    const refused = await request(bridge.url, "subscriptions/listen", params, { id: 3 });
    expect(refused.messages).toEqual([
      { jsonrpc: "2.0", id: 3, error: { code: -32602, message: "no such resource", data: { uri: "r:error" } } },
    ]);
    const reader = await stream(
      bridge.url,
      "subscriptions/listen",
      { notifications: { toolsListChanged: true } },
      { id: 4 },
    );
    await reader.message();
    await call(bridge.url, "crash");
    expect(await reader.rest()).toEqual([
      { jsonrpc: "2.0", id: 4, error: { code: -32000, message: "the server is gone; listen again" } },
    ]);
  });

  test("a bridge that shuts down ends it with the result", async () => {
    await withModernBridge([], [], async (own) => {
      const reader = await stream(
        own.url,
        "subscriptions/listen",
        { notifications: { toolsListChanged: true } },
        { id: 5 },
      );
      await reader.message();
      const stopped = own.stop();
      expect((await reader.rest()).map(({ id, result }) => [id, result.resultType])).toEqual([[5, "complete"]]);
      expect(await stopped).toBe(0);
    });
  });
});

test("both eras at once, and nothing is left", async () => {
  await withModernBridge([], ["--idle-timeout", "1s"], async (own) => {
    const session = await openSession(own.url);
    expect(await textOf(own.url, "echo", { text: "a" })).toBe("a");
    expect(await session.call("echo", { text: "b" })).toBe("b");
    expect(await textOf(own.url, "echo", { text: "c" }, { logLevel: "info" })).toBe("c");
    await session.delete();
    await until("the spare alone is left", () => own.descendants() === 1);
    expect(await own.metric("mcp_child_restarts_total")).toBe(0);
    expect(await own.metric('mcp_requests_total{method="tools/call",tool="other",outcome="ok"}')).toBe(3);
  });
});
