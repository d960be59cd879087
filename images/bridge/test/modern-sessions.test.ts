import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RunningBridge, until, warm } from "./fixtures/bridge.ts";
import { type HttpSession, initialize, type Message, openSession, SseSession } from "./fixtures/http-client.ts";
import { modernBridge, withModernBridge } from "./fixtures/modern-bridge.ts";
import { PREFIX, VERSION } from "./fixtures/sessionless-client.ts";

let bridge: RunningBridge;
beforeAll(async () => {
  bridge = await modernBridge();
  await warm(bridge);
});
afterAll(() => bridge.stop());

const ABLE = { sampling: {}, elicitation: { form: {}, url: {} }, roots: { listChanged: true } };

/** Calls a tool and gives its whole answer. */
async function answerOf(session: HttpSession, name: string, args: object = {}): Promise<Message> {
  return (await session.request("tools/call", { name, arguments: args })).messages.at(-1);
}

/** Makes a call that is asked, answers each question by its text, and gives what was asked and the call's answer. */
async function asked(
  session: HttpSession,
  params: object,
  reply: (ask: Message) => object,
): Promise<{ asks: Message[]; answer: Message; stream: Message[] }> {
  const reader = await session.postStream({ jsonrpc: "2.0", id: "c", method: "tools/call", params });
  const asks: Message[] = [];
  const stream: Message[] = [];
  for (;;) {
    const message = await reader.message();
    stream.push(message);
    if (message.id === "c") return { asks, answer: message, stream };
    if (message.id === undefined) continue;
    asks.push(message);
    expect((await session.post({ jsonrpc: "2.0", id: message.id, ...reply(message) })).status).toBe(202);
  }
}

const elicitation = { method: "elicitation/create", params: { message: "name?", requestedSchema: { type: "object" } } };
const sampling = { method: "sampling/createMessage", params: { messages: [], maxTokens: 5 } };

describe("opening", () => {
  test.each(["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])(
    "initialize of %s is answered",
    async (version) => {
      const { messages, headers } = await initialize(bridge.url, version);
      expect(messages).toEqual([
        {
          jsonrpc: "2.0",
          id: 0,
          result: {
            protocolVersion: version,
            capabilities: {
              tools: { listChanged: true },
              prompts: { listChanged: true },
              resources: { subscribe: true, listChanged: true },
              logging: {},
            },
            serverInfo: { name: "modern", version: "3" },
            instructions: "be kind",
          },
        },
      ]);
      expect(headers.get("mcp-session-id")).toMatch(/^[\w-]{43}$/);
    },
  );

  test("a version that nobody knows is answered with the newest", async () => {
    const { messages } = await initialize(bridge.url, "2099-01-01");
    expect(messages[0].result.protocolVersion).toBe("2025-11-25");
  });

  test("one process is asked twice, the next ones are known", async () => {
    await withModernBridge([], [], async (own) => {
      const first = await openSession(own.url);
      expect(JSON.parse(await first.call("received")).slice(0, 2)).toEqual(["initialize", "server/discover"]);
      const second = await openSession(own.url);
      const seen = JSON.parse(await second.call("received")).filter((method: string) => method !== "ping");
      expect(seen[0]).toBe("server/discover");
      expect(own.log.filter(({ event }) => event === "sessionless_server")).toHaveLength(1);
      await first.delete();
      await second.delete();
    });
  });

  test.each([-32601, -32602, -32000])("it may refuse initialize with %d", async (code) => {
    await withModernBridge([`--refuse=${code}`], [], async (own) => {
      const session = await openSession(own.url);
      expect(await session.call("echo", { text: "hello" })).toBe("hello");
      await session.delete();
    });
  });

  test("a server that speaks neither: its own error, and a new try later", async () => {
    await withModernBridge(["--versions=2031-01-01"], [], async (own) => {
      for (let i = 0; i < 2; i++) {
        const { messages, headers } = await initialize(own.url);
        expect(messages).toEqual([
          {
            jsonrpc: "2.0",
            id: 0,
            error: { code: -32022, message: "no sessions here", data: { supported: ["2031-01-01"] } },
          },
        ]);
        expect(headers.get("mcp-session-id")).toBeNull();
      }
      await until("the spare alone is left", () => own.descendants() === 1);
    });
  });

  test("a server that says nothing to server/discover: its own error, after a while", async () => {
    await withModernBridge(["--no-discover"], [], async (own) => {
      const { messages } = await initialize(own.url);
      expect(messages[0].error.code).toBe(-32022);
    });
  }, 20_000);

  test("health: an error is an answer, by ping and by probe", async () => {
    await withModernBridge([], ["--warm-children", "0"], async (own) => {
      await warm(own);
      const report = await (await fetch(`${own.url}/health`)).json();
      expect(report).toMatchObject({ status: "ok", checks: { child: { ok: true, detail: "the server answers" } } });
    });
    expect((await fetch(`${bridge.url}/health`)).status).toBe(200);
  });
});

describe("requests", () => {
  let session: HttpSession;
  beforeAll(async () => {
    session = await openSession(bridge.url, "2025-11-25", { capabilities: { ...ABLE, tasks: { list: {} } } });
  });
  afterAll(() => session.delete());

  test("what the client said once is in each of them", async () => {
    const line = JSON.parse(await session.call("line", { n: 1 }));
    expect(line.params).toEqual({
      name: "line",
      arguments: { n: 1 },
      _meta: {
        [`${PREFIX}protocolVersion`]: VERSION,
        [`${PREFIX}clientCapabilities`]: { sampling: {}, elicitation: { form: {}, url: {} }, roots: {} },
        [`${PREFIX}clientInfo`]: { name: "test", version: "1" },
        [`${PREFIX}logLevel`]: "info",
      },
    });
  });

  test("elicitation without a mode is by form; `_meta` of the client stays, but for what is reserved; no task", async () => {
    const own = await openSession(bridge.url, "2025-06-18", { capabilities: { elicitation: {} } });
    const _meta = { traceparent: "00-a", progressToken: 7, [`${PREFIX}logLevel`]: "debug" };
    const params = { name: "line", arguments: {}, task: { ttl: 1 }, _meta };
    const line = JSON.parse((await own.request("tools/call", params)).messages.at(-1).result.content[0].text);
    expect(line.params).toEqual({
      name: "line",
      arguments: {},
      _meta: {
        traceparent: "00-a",
        progressToken: 7,
        [`${PREFIX}protocolVersion`]: VERSION,
        [`${PREFIX}clientCapabilities`]: { elicitation: { form: {} } },
        [`${PREFIX}clientInfo`]: { name: "test", version: "1" },
        [`${PREFIX}logLevel`]: "info",
      },
    });
    await own.delete();
  });

  test("results lose what clients do not know, and nothing else; numbers are not touched", async () => {
    const result = '{"n":12345678901234567890,"ttlMs":1,"resultType":"complete","cacheScope":"x","_meta":{"a":1}}';
    const reply = await session.request("tools/call", { name: "raw", arguments: { result } });
    expect(reply.text).toContain('"result":{"n":12345678901234567890,"_meta":{"a":1}}}');
    const list = (await session.request("tools/list")).messages.at(-1).result;
    expect(Object.keys(list)).toEqual(["tools"]);
  });

  test("structured content that is no object is wrapped, its schema left out", async () => {
    const { tools } = (await session.request("tools/list")).messages.at(-1).result;
    const schemas = Object.fromEntries(tools.map((tool: Message) => [tool.name, tool.outputSchema]));
    expect([schemas.numbers, schemas.object]).toEqual([undefined, { type: "object" }]);
    const call = async (structuredContent: unknown) =>
      (await answerOf(session, "result", { result: { content: [], structuredContent } })).result;
    expect(await call([1, 2])).toEqual({ content: [], structuredContent: { result: [1, 2] } });
    expect(await call({ a: 1 })).toEqual({ content: [], structuredContent: { a: 1 } });
  });

  test("ping and a level are answered by the bridge", async () => {
    expect((await session.request("ping")).messages.at(-1).result).toEqual({});
    const own = await openSession(bridge.url);
    expect((await own.request("logging/setLevel", { level: "error" })).messages.at(-1).result).toEqual({});
    expect((await own.request("logging/setLevel", { level: "loud" })).messages.at(-1).error.code).toBe(-32602);
    expect(await own.call("log", { level: "error", data: 1 })).toBe("error");
    await own.delete();
  });

  test("logs and progress come on the stream of their call", async () => {
    const own = await openSession(bridge.url);
    const logged = await own.request("tools/call", { name: "log", arguments: { level: "info", data: "d" } });
    expect(logged.messages.map(({ method }) => method)).toEqual(["notifications/message", undefined]);
    const params = { name: "progress", arguments: { steps: 2 }, _meta: { progressToken: "t" } };
    const moved = await own.request("tools/call", params);
    expect(moved.messages.slice(0, -1).map((message) => message.params)).toEqual([
      { progressToken: "t", progress: 1, total: 2 },
      { progressToken: "t", progress: 2, total: 2 },
    ]);
    await own.delete();
  });

  test.each([
    ["tasks/list", {}, -32601],
    ["tasks/get", { taskId: "t" }, -32601],
    ["subscriptions/listen", { notifications: {} }, -32601],
    ["prompts/get", { name: "none" }, -32601],
  ])("%s: the specified error", async (method, params, code) => {
    expect((await session.request(method, params)).messages.at(-1).error.code).toBe(code);
  });

  test("a vendor's method is passed on", async () => {
    expect((await session.request("vendor/own", { x: 5 })).messages.at(-1).result).toEqual({ own: 5 });
  });

  test("errors as clients of the session eras know them", async () => {
    const missing = (await session.request("resources/read", { uri: "r:1" })).messages.at(-1).error;
    expect(missing).toEqual({ code: -32002, message: "no such resource", data: { uri: "r:1" } });
    expect((await answerOf(session, "lacking")).error).toEqual({
      code: -32603,
      message: "sampling is missing",
      data: { requiredCapabilities: { sampling: {} } },
    });
    expect((await answerOf(session, "vendor")).error).toEqual({ code: -31999, message: "own", data: { n: 1 } });
  });

  test("a request of the server reaches nobody", async () => {
    expect(await session.call("request")).toBe("requested");
    expect(JSON.parse(await session.call("received"))).not.toContain("a response");
  });

  test("ids of client and server do not meet", async () => {
    const texts = await Promise.all(
      Array.from({ length: 20 }, async (_, id) => {
        const params = { name: "echo", arguments: { text: `t${id}` } };
        const reply = await session.post({
          jsonrpc: "2.0",
          id: id % 2 === 0 ? id : String(id),
          method: "tools/call",
          params,
        });
        const last = reply.messages.at(-1);
        return [last.id, last.result.content[0].text];
      }),
    );
    expect(texts).toEqual(Array.from({ length: 20 }, (_, id) => [id % 2 === 0 ? id : String(id), `t${id}`]));
  });

  test("a cancelled call is cancelled at the server, by its own id", async () => {
    const own = await openSession(bridge.url);
    const stream = await own.postStream({
      jsonrpc: "2.0",
      id: "slow",
      method: "tools/call",
      params: { name: "sleep", arguments: { ms: 60_000 } },
    });
    await until("the call is there", async () => Number(await own.call("calls")) >= 1);
    await own.post({
      jsonrpc: "2.0",
      method: "notifications/cancelled",
      params: { requestId: "slow", reason: "enough" },
    });
    expect(await stream.rest()).toEqual([]);
    const [id] = JSON.parse(await own.call("cancelled"));
    expect(Number.isInteger(id)).toBe(true);
    await own.delete();
  });
});

describe("asking the client", () => {
  let session: HttpSession;
  beforeAll(async () => {
    session = await openSession(bridge.url, "2025-11-25", { capabilities: ABLE });
  });
  afterAll(() => session.delete());

  test("all that the server asks goes to the client, its answers and the state back", async () => {
    const rounds = [{ who: elicitation, what: sampling, where: { method: "roots/list" } }];
    const replies: Record<string, object> = {
      "elicitation/create": { action: "accept", content: { name: "n", big: 1 } },
      "sampling/createMessage": { role: "assistant", model: "m", content: { type: "text", text: "t" } },
      "roots/list": { roots: [{ uri: "file:///a" }] },
    };
    const { asks, answer } = await asked(session, { name: "ask", arguments: { rounds } }, ({ method }) => ({
      result: replies[method],
    }));
    expect(asks.map(({ method, params }) => [method, params])).toEqual([
      ["elicitation/create", elicitation.params],
      ["sampling/createMessage", sampling.params],
      ["roots/list", {}],
    ]);
    expect(JSON.parse(answer.result.content[0].text)).toEqual([
      {
        who: replies["elicitation/create"],
        what: replies["sampling/createMessage"],
        where: replies["roots/list"],
      },
      "round:1",
    ]);
  });

  test("several rounds; only the last answers are given, and only the last state", async () => {
    const rounds = [{ a: elicitation }, {}, { b: elicitation, state: false }];
    let n = 0;
    const run = asked(session, { name: "ask", arguments: { rounds } }, () => ({
      result: { action: "accept", content: { n: ++n } },
    }));
    // The third round carries no state, so the server starts again, without end: the bridge ends it.
    const { asks, answer } = await run;
    expect(answer.error).toEqual({ code: -32603, message: "the server still asked for input after 10 rounds" });
    expect(asks).toHaveLength(7);
  });

  test("a server that wants to be called again is called again", async () => {
    const { asks, answer } = await asked(session, { name: "ask", arguments: { rounds: [{}, {}] } }, () => ({}));
    expect(asks).toEqual([]);
    expect(JSON.parse(answer.result.content[0].text)).toEqual([null, "round:2"]);
  });

  test("an elicitation by URL gets the id that clients before 2026-07-28 want", async () => {
    const params = { mode: "url", message: "visit", url: "https://example.com/" };
    const rounds = [{ visit: { method: "elicitation/create", params } }];
    const { asks } = await asked(session, { name: "ask", arguments: { rounds } }, () => ({
      result: { action: "accept" },
    }));
    expect(asks[0].params).toEqual({ elicitationId: expect.stringMatching(/^[\da-f-]{36}$/), ...params });
  });

  test("a client that refuses ends the call, and is not asked for the rest", async () => {
    const rounds = [{ a: elicitation, b: sampling }];
    const { answer, stream } = await asked(session, { name: "ask", arguments: { rounds } }, ({ method }) =>
      method === "elicitation/create" ? { error: { code: -1, message: "User said no" } } : { result: {} },
    );
    expect(answer.error).toEqual({
      code: -32603,
      message: 'the client did not give what the server asked for ("a"): User said no',
    });
    const withdrawn = stream.find(({ method }) => method === "notifications/cancelled");
    const asks = stream.filter(({ method }) => method === "sampling/createMessage");
    expect(withdrawn?.params.requestId).toBe(asks[0].id);
  });

  test.each([
    [
      "an unknown request",
      [{ a: { method: "vendor/ask" } }],
      "the server asked for vendor/ask, which the client does not offer",
    ],
    ["nothing", [{ state: false }], "the server asked for input and did not say which"],
    ["what cannot be read", [{ a: 5 }], 'the server asked for something unreadable ("a")'],
  ])("%s is asked for: an error", async (_name, rounds, message) => {
    expect((await answerOf(session, "ask", { rounds })).error).toEqual({ code: -32603, message });
  });

  test("what a client has not declared it is not asked for", async () => {
    const own = await openSession(bridge.url);
    expect((await answerOf(own, "ask", { rounds: [{ a: elicitation }] })).error.message).toBe(
      "the server asked for elicitation/create, which the client does not offer",
    );
    await own.delete();
  });

  test("a result of another kind is an error", async () => {
    expect((await answerOf(session, "result", { result: { resultType: "task" } })).error).toEqual({
      code: -32603,
      message: 'the server answered with "task", unknown before 2026-07-28',
    });
  });

  test("a stripped capability is neither declared nor asked for", async () => {
    await withModernBridge([], ["--strip-client-capability", "roots"], async (own) => {
      const other = await openSession(own.url, "2025-11-25", { capabilities: ABLE });
      const line = JSON.parse(await other.call("line"));
      expect(line.params._meta[`${PREFIX}clientCapabilities`]).toEqual({
        sampling: {},
        elicitation: { form: {}, url: {} },
      });
      const { error } = await answerOf(other, "ask", { rounds: [{ a: { method: "roots/list" } }] });
      expect(error.message).toBe("the server asked for roots/list, which the client does not offer");
      await other.delete();
    });
  });

  test("a call that is cancelled while its client is asked is over", async () => {
    const own = await openSession(bridge.url, "2025-11-25", { capabilities: ABLE });
    const params = { name: "ask", arguments: { rounds: [{ a: elicitation }] } };
    const stream = await own.postStream({ jsonrpc: "2.0", id: "c", method: "tools/call", params });
    const ask = await stream.message();
    await own.post({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: "c" } });
    await own.post({ jsonrpc: "2.0", id: ask.id, result: { action: "accept" } });
    expect(Number(await own.call("calls"))).toBe(2);
    await own.delete();
  });
});

describe("announcements", () => {
  test("changed lists reach every session, subscribed resources who subscribed", async () => {
    const session = await openSession(bridge.url);
    const events = await session.stream();
    await until("it listens", async () => (await session.call("subscriptions")) !== "[]");
    expect((await session.request("resources/subscribe", { uri: "r:1" })).messages.at(-1).result).toEqual({});
    expect((await session.request("resources/subscribe", { uri: "r:1" })).messages.at(-1).result).toEqual({});
    expect(JSON.parse(await session.call("subscriptions"))).toEqual([
      { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true },
      { resourceSubscriptions: ["r:1"] },
    ]);
    await session.call("announce", { method: "notifications/tools/list_changed" });
    expect(await events.message()).toEqual({ jsonrpc: "2.0", method: "notifications/tools/list_changed", params: {} });
    await session.call("announce", { method: "notifications/resources/updated", params: { uri: "r:1" } });
    expect(await events.message()).toEqual({
      jsonrpc: "2.0",
      method: "notifications/resources/updated",
      params: { uri: "r:1" },
    });
    expect((await session.request("resources/unsubscribe", { uri: "r:1" })).messages.at(-1).result).toEqual({});
    expect(JSON.parse(await session.call("subscriptions"))).toHaveLength(1);
    await session.call("announce", { method: "notifications/resources/updated", params: { uri: "r:1" } });
    expect(events.pending()).toEqual([]);
    events.close();
    await session.delete();
  });

  test.each([
    [
      "r:never",
      { code: -32602, message: "the server does not announce changes of this resource", data: { uri: "r:never" } },
    ],
    ["r:error", { code: -32602, message: "no such resource", data: { uri: "r:error" } }],
  ])("%s cannot be subscribed to", async (uri, error) => {
    const session = await openSession(bridge.url);
    expect((await session.request("resources/subscribe", { uri })).messages.at(-1).error).toEqual(error);
    await session.delete();
  });

  test("a subscription that the server ended can be made again", async () => {
    const session = await openSession(bridge.url);
    for (const how of ["result", "cancelled"]) {
      expect((await session.request("resources/subscribe", { uri: "r:1" })).messages.at(-1).result).toEqual({});
      expect(await session.call("end", { how })).toBe("ended");
    }
    expect((await session.request("resources/subscribe", { uri: "r:1" })).messages.at(-1).result).toEqual({});
    expect(JSON.parse(await session.call("subscriptions"))).toEqual([{ resourceSubscriptions: ["r:1"] }]);
    await session.delete();
  });
});

test("over SSE it is the same", async () => {
  const session = await SseSession.open(bridge.url);
  expect(await session.call("echo", { text: "over SSE" })).toBe("over SSE");
  session.close();
});

test("a server that dies ends its session with an error, and the next one works", async () => {
  const session = await openSession(bridge.url);
  const reply = await session.request("tools/call", { name: "crash", arguments: {} });
  expect(reply.messages.at(-1).error).toEqual({ code: -32000, message: "the server process exited with code 7" });
  expect((await session.request("tools/list")).status).toBe(404);
  const next = await openSession(bridge.url);
  expect(await next.call("echo", { text: "again" })).toBe("again");
  await next.delete();
});
