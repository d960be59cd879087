import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type RunningBridge, startBridge, until } from "./fixtures/bridge.ts";
import { type HttpSession, initialize, openSession, SseSession } from "./fixtures/http-client.ts";
import { call, request, stream, textOf } from "./fixtures/sessionless-client.ts";

// Real processes on a shared machine: generous, and never part of an assertion.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let bridge: RunningBridge;
beforeAll(async () => {
  bridge = await startBridge({ args: ["--child-mode", "shared"] });
});
afterAll(() => bridge.stop());

const count = (list: string, method: string): number =>
  (JSON.parse(list) as string[]).filter((each) => each === method).length;
const callMessage = (id: number | string, name: string, args: object = {}, meta: object = {}): object => ({
  jsonrpc: "2.0",
  id,
  method: "tools/call",
  params: { name, arguments: args, _meta: meta },
});
const CAPABILITIES = '{"tools":{"listChanged":true},"resources":{"subscribe":true},"logging":{}}';
const helloOf = (id: string, version: string): string =>
  `{"jsonrpc":"2.0","id":${id},"result":{"protocolVersion":"${version}","capabilities":${CAPABILITIES},` +
  `"serverInfo":{"name":"fixture","version":"1.2.3"}}}`;

describe("one server for all", () => {
  test("50 sessions over both transports, and requests without one: one process, initialised once", async () => {
    const opening = Array.from({ length: 25 }, () => openSession(bridge.url));
    const sse = await Promise.all(Array.from({ length: 25 }, () => SseSession.open(bridge.url)));
    const http = await Promise.all(opening);
    const callers = [...http, ...sse];
    const pids = await Promise.all(callers.map((session) => session.call("pid")));
    expect(new Set([...pids, await textOf(bridge.url, "pid")]).size).toBe(1);
    expect(bridge.descendants()).toBe(1);
    expect(await bridge.metric("mcp_child_processes")).toBe(1);
    expect(await bridge.metric("mcp_active_sessions")).toBe(50);
    const history = await textOf(bridge.url, "history");
    expect([count(history, "initialize"), count(history, "notifications/initialized")]).toEqual([1, 1]);
    const texts = callers.map((_session, i) => `text-${i}`);
    expect(await Promise.all(callers.map((session, i) => session.call("echo", { text: texts[i] })))).toEqual(texts);
    for (const session of sse) session.close();
    await Promise.all(http.map((session) => session.delete()));
    expect(await textOf(bridge.url, "pid")).toBe(pids[0]);
    expect(bridge.descendants()).toBe(1);
  });

  test("health asks the shared server by ping, and starts no other", async () => {
    await until("it has been asked", async () => (await fetch(`${bridge.url}/health`)).status === 200);
    const report = (await (await fetch(`${bridge.url}/health`)).json()) as { checks: unknown };
    expect(report.checks).toEqual({ child: { ok: true, detail: "the server answers", at: expect.any(String) } });
    expect(count(await textOf(bridge.url, "history"), "ping")).toBeGreaterThanOrEqual(1);
    expect(bridge.descendants()).toBe(1);
  });
});

describe("initialize", () => {
  test("is answered with the server's own bytes, the session's id, and without tasks", async () => {
    const reply = await initialize(bridge.url);
    expect(reply.text).toBe(helloOf("0", "2025-11-25"));
  });

  test.each([
    ["an older version than the server's is agreed to", "2024-11-05", "2024-11-05"],
    ["a newer one is not: the server's is", "2025-11-25", "2025-06-18"],
    ["nor is one that nobody knows", "2099-01-01", "2025-06-18"],
  ])("%s", async (_name, asked, agreed) => {
    const older = await startBridge({ args: ["--child-mode", "shared"], server: ["--speaks=2025-06-18"] });
    try {
      expect((await initialize(older.url, asked)).text).toBe(helloOf("0", agreed));
    } finally {
      await older.stop();
    }
  });

  test("without a version the server's is agreed to", async () => {
    const { text } = await initialize(bridge.url, "2025-11-25", { protocolVersion: undefined });
    expect(text).toBe(helloOf("0", "2025-11-25"));
  });

  test("the server is told of no capability, whatever clients declare", async () => {
    const session = await openSession(bridge.url, "2025-11-25", { capabilities: { roots: {}, sampling: {} } });
    expect(await session.call("capabilities")).toBe("{}");
    await session.delete();
  });

  test("a batch of an old session is taken apart, and answered on one stream", async () => {
    const session = await openSession(bridge.url, "2025-03-26");
    const { messages } = await session.post(
      JSON.stringify([callMessage("a", "echo", { text: "1" }), callMessage("b", "echo", { text: "2" })]),
    );
    expect(messages.map(({ id, result }) => [id, result.content[0].text])).toEqual([
      ["a", "1"],
      ["b", "2"],
    ]);
    await session.delete();
  });
});

describe("ids and progress tokens", () => {
  const exact = (id: string): string =>
    `{"jsonrpc":"2.0", "id":${id},"method":"tools/call","zzz":{"unknown":[ 1.0, -0, 1e400 ]},"params":{"name":"line",` +
    '"b":12345678901234567890,"a":0.1000000000000000055511151231257827,"arguments":{"\\u00e9":"\\/ \\ud83d\\ude00"}}}';

  test.each(["12345678901234567890", '"\\u0061 \\"quoted\\" é"', "-0", "1.50"])(
    "nothing but the id changes on the way to the server, and %s comes back as it was",
    async (id) => {
      const session = await openSession(bridge.url);
      const { events, messages } = await session.post(exact(id));
      const line = String(messages.at(-1).result.content[0].text);
      expect(line.replace(/"id":\d+/, `"id":${id}`)).toBe(exact(id));
      expect(events.at(-1)?.data).toMatch(`{"jsonrpc":"2.0","id":${id},"result":`);
      await session.delete();
    },
  );

  test("the client gets the server's very bytes", async () => {
    const session = await openSession(bridge.url);
    const result = '{ "n":12345678901234567890,"content":[],"x":1.50,"deep":[[{"id":7,"method":"no"}]]}';
    const { events } = await session.post(callMessage(1, "raw", { result }));
    expect(events.at(-1)?.data).toBe(`{"result":${result},"id":1,"jsonrpc":"2.0"}`);
    await session.delete();
  });

  test("equal ids and tokens in 10 sessions at once: each gets its own answers and progress, once", async () => {
    const sessions = await Promise.all(Array.from({ length: 10 }, () => openSession(bridge.url)));
    await Promise.all(
      sessions.map(async (session, s) => {
        const replies = await Promise.all(
          Array.from({ length: 20 }, (_, i) =>
            session.post(callMessage(i, "progress", { steps: s + 1 }, { progressToken: i })),
          ),
        );
        replies.forEach(({ messages }, i) => {
          const steps = Array.from({ length: s + 1 }, (_, step) => ({
            jsonrpc: "2.0",
            method: "notifications/progress",
            params: { progressToken: i, progress: step + 1, total: s + 1 },
          }));
          expect(messages.slice(0, -1)).toEqual(steps);
          expect(messages.at(-1)).toMatchObject({ id: i, result: { content: [{ text: "progressed" }] } });
        });
      }),
    );
    await Promise.all(sessions.map((session) => session.delete()));
  });

  test("a progress token comes back as it was written", async () => {
    const session = await openSession(bridge.url);
    const body = JSON.stringify(callMessage(1, "progress", { steps: 1 }, { progressToken: "T" }));
    const { events } = await session.post(body.replace('"T"', "12345678901234567890"));
    expect(events.at(-2)?.data).toBe(
      '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":12345678901234567890,"progress":1,"total":1}}',
    );
    await session.delete();
  });

  test("500 requests in one burst over 5 sessions: every answer reaches its own request", async () => {
    const sessions = await Promise.all(Array.from({ length: 5 }, () => openSession(bridge.url)));
    const texts = Array.from({ length: 500 }, (_, i) => `t${i}`);
    const echo = (text: string, i: number): Promise<string> => (sessions[i % 5] as HttpSession).call("echo", { text });
    expect(await Promise.all(texts.map(echo))).toEqual(texts);
    await Promise.all(sessions.map((session) => session.delete()));
  });
});

describe("cancelling", () => {
  const sleeping = (session: HttpSession, id: number) => session.postStream(callMessage(id, "sleep", { ms: 4_000 }));
  const inFlight = (n: number) =>
    until(`${n} in flight`, async () => (await bridge.metric("mcp_requests_in_flight")) === n);

  test("a cancel reaches the request of its own session, under the server's id", async () => {
    const [a, b] = await Promise.all([openSession(bridge.url), openSession(bridge.url)]);
    const before = JSON.parse(await a.call("cancelled")).length;
    const [streamA, streamB] = [await sleeping(a, 3), await sleeping(b, 3)];
    await inFlight(2);
    await a.post({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 99 } });
    await a.post({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 3 } });
    expect(await streamA.rest()).toEqual([]);
    const cancelled = JSON.parse(await b.call("cancelled"));
    expect(cancelled.length).toBe(before + 1);
    expect(cancelled.at(-1)).toBeGreaterThan(3);
    expect((await streamB.message()).result.content[0].text).toBe("slept 4000");
    await Promise.all([a.delete(), b.delete()]);
  });

  test("a session that ends cancels its own requests and nothing else", async () => {
    const [a, b] = await Promise.all([openSession(bridge.url), openSession(bridge.url)]);
    const before = JSON.parse(await a.call("cancelled")).length;
    const streams = [await sleeping(a, 1), await sleeping(a, 2), await sleeping(b, 1)];
    await inFlight(3);
    await a.delete();
    expect((await streams[0]?.rest())?.[0].error).toEqual({ code: -32000, message: "the client ended the session" });
    expect(JSON.parse(await b.call("cancelled")).length).toBe(before + 2);
    expect((await streams[2]?.message())?.result.content[0].text).toBe("slept 4000");
    await b.delete();
  });
});

describe("what the server announces", () => {
  test("list changes reach every session", async () => {
    const a = await openSession(bridge.url);
    const [streamA, b] = [await a.stream(), await SseSession.open(bridge.url)];
    await a.call("announce", { method: "notifications/tools/list_changed" });
    const changed = { jsonrpc: "2.0", method: "notifications/tools/list_changed" };
    expect([await streamA.message(), await b.reader.message()]).toEqual([changed, changed]);
    b.close();
    await a.delete();
  });

  test("resource updates reach who subscribed; the server is subscribed once, until the last one leaves", async () => {
    const sessions = await Promise.all([1, 2, 3].map(() => openSession(bridge.url)));
    const [a, b, c] = sessions as [HttpSession, HttpSession, HttpSession];
    const streams = await Promise.all(sessions.map((session) => session.stream()));
    const uri = "test://one";
    for (const session of [a, b]) {
      expect((await session.request("resources/subscribe", { uri })).messages.at(-1).result).toEqual({});
    }
    const update = { method: "notifications/resources/updated", params: { uri: `${uri}/part` } };
    await c.call("announce", update);
    await c.call("announce", { method: "notifications/prompts/list_changed" });
    const methods = await Promise.all(streams.map(async (reader) => (await reader.message()).method));
    expect(methods).toEqual([update.method, update.method, "notifications/prompts/list_changed"]);
    const ofUri = async (): Promise<string[]> =>
      (JSON.parse(await c.call("subscriptions")) as string[]).filter((line) => line.endsWith(uri));
    expect(await ofUri()).toEqual([`subscribe ${uri}`]);
    expect((await a.request("resources/unsubscribe", { uri })).messages.at(-1).result).toEqual({});
    expect(await ofUri()).toEqual([`subscribe ${uri}`]);
    await b.delete();
    expect(await ofUri()).toEqual([`subscribe ${uri}`, `unsubscribe ${uri}`]);
    await Promise.all([a.delete(), c.delete()]);
  });

  test("logs: the server is told the least level anyone asks for, and each session gets what its own lets through", async () => {
    // The speaker gets what is logged on the stream of its call; the others have no call in flight.
    const sessions = await Promise.all([1, 2, 3, 4].map(() => openSession(bridge.url)));
    const [a, b, c, speaker] = sessions as [HttpSession, HttpSession, HttpSession, HttpSession];
    const streams = await Promise.all([a, b, c].map((session) => session.stream()));
    const set = async (session: HttpSession, level: string) =>
      (await session.request("logging/setLevel", { level })).messages.at(-1);
    expect((await set(a, "error")).result).toEqual({});
    // The others have named none: they get what is usual.
    expect(await c.call("logLevel")).toBe("info");
    expect((await set(b, "debug")).result).toEqual({});
    expect(await c.call("logLevel")).toBe("debug");
    expect((await set(c, "loud")).error.code).toBe(-32602);
    for (const level of ["debug", "info", "error"]) {
      await speaker.call("announce", { method: "notifications/message", params: { level, data: level } });
    }
    await speaker.call("announce", { method: "notifications/tools/list_changed" });
    const heard = await Promise.all(
      streams.map(async (reader) => {
        const levels: string[] = [];
        for (;;) {
          const { method, params } = await reader.message();
          if (method !== "notifications/message") return levels;
          levels.push(params.level);
        }
      }),
    );
    expect(heard).toEqual([["error"], ["debug", "info", "error"], ["info", "error"]]);
    await b.delete();
    expect(await c.call("logLevel")).toBe("info");
    await Promise.all([a, c, speaker].map((session) => session.delete()));
  });

  test("once two callers have used the server, its logs reach nobody; list changes and progress still do", async () => {
    const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
    const two = await startBridge({
      args: ["--child-mode", "shared"],
      env: { MCP_AUTH_TOKEN_SHA256: `${sha256("one")},${sha256("two")}` },
    });
    try {
      const as = (token: string) => openSession(two.url, "2025-11-25", {}, { authorization: `Bearer ${token}` });
      const log = { method: "notifications/message", params: { level: "error", data: "secret" } };
      const changed = { method: "notifications/tools/list_changed" };
      const first = await as("one");
      const reader = await first.stream();
      const speaker = await as("one");
      await speaker.call("announce", log);
      expect((await reader.message()).params.data).toBe("secret");
      const second = await as("two");
      const other = await second.stream();
      for (const [from, announced] of [
        [speaker, log],
        [second, log],
        [speaker, { method: "notifications/vendor/news" }],
        [speaker, changed],
      ] as const) {
        await from.call("announce", announced);
      }
      expect([(await reader.message()).method, (await other.message()).method]).toEqual([
        changed.method,
        changed.method,
      ]);
      // Also once the other has left: a log may still be about it.
      await second.delete();
      await speaker.call("announce", log);
      await speaker.call("announce", changed);
      expect((await reader.message()).method).toBe(changed.method);
      expect(two.log.filter(({ event }) => event === "shared_by_several").length).toBe(1);
    } finally {
      await two.stop();
    }
  });
});

describe("what the server asks", () => {
  test("sampling, elicitation and roots are refused, ping is answered, no client sees any of it", async () => {
    const session = await openSession(bridge.url, "2025-11-25", { capabilities: { roots: {}, sampling: {} } });
    for (const method of ["sampling/createMessage", "elicitation/create", "roots/list"]) {
      const { messages } = await session.request("tools/call", { name: "ask", arguments: { method } });
      expect(messages.length).toBe(1);
      expect(JSON.parse(messages[0].result.content[0].text).error).toEqual({
        code: -32601,
        message: `${method}: all sessions share this server, so it can ask none of their clients`,
      });
    }
    expect(JSON.parse(await session.call("ask", { method: "ping" })).result).toEqual({});
    await session.delete();
  });

  test("tasks are not served: their list would be everyone's", async () => {
    const session = await openSession(bridge.url);
    expect((await session.request("tasks/list")).messages.at(-1).error).toEqual({
      code: -32601,
      message: "tasks/list: a shared server offers no tasks",
    });
    await session.delete();
  });
});

describe("2026-07-28", () => {
  test("calls, whatever they declare, share the one process; progress is mapped back; logs are left out", async () => {
    const options = {
      capabilities: { elicitation: {}, sampling: {} },
      logLevel: "debug",
      meta: { progressToken: "p" },
    };
    const reply = await request(bridge.url, "tools/call", { name: "progress", arguments: { steps: 2 } }, options);
    expect(reply.messages.map(({ params }) => params?.progressToken)).toEqual(["p", "p", undefined]);
    expect(reply.messages.at(-1).result.content[0].text).toBe("progressed");
    const log = { method: "notifications/message", params: { level: "error", data: "x" } };
    const logging = await request(bridge.url, "tools/call", { name: "announce", arguments: log }, options);
    expect(logging.messages.length).toBe(1);
    const asked = await call(bridge.url, "ask", { method: "elicitation/create" }, options);
    expect(JSON.parse(asked.result.content[0].text).error.code).toBe(-32601);
    expect(bridge.descendants()).toBe(1);
  });

  test("subscriptions/listen hears list changes and resources, beside sessions", async () => {
    const wanted = { toolsListChanged: true, resourceSubscriptions: ["test://two"] };
    const reader = await stream(bridge.url, "subscriptions/listen", { notifications: wanted });
    expect((await reader.message()).params.notifications).toEqual(wanted);
    const session = await openSession(bridge.url);
    await session.call("announce", { method: "notifications/resources/updated", params: { uri: "test://two" } });
    await session.call("announce", { method: "notifications/tools/list_changed" });
    expect([(await reader.message()).method, (await reader.message()).method]).toEqual([
      "notifications/resources/updated",
      "notifications/tools/list_changed",
    ]);
    reader.close();
    await session.delete();
  });

  test("server/discover answers from the shared server", async () => {
    const { messages } = await request(bridge.url, "server/discover");
    expect(messages[0].result.capabilities).toEqual(JSON.parse(CAPABILITIES));
  });
});
