import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type RunningBridge, startBridge, until } from "./fixtures/bridge.ts";
import {
  EventReader,
  initialize,
  initializeMessage,
  openSession,
  rawRequest,
  SseSession,
  STREAMABLE,
  send,
} from "./fixtures/http-client.ts";

// Real processes on a shared machine: generous, and never part of an assertion.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** The points that servers of the session eras get wrong, in the order of the list that the issue names. */

let bridge: RunningBridge;
let mcp: string;

beforeAll(async () => {
  bridge = await startBridge({
    args: ["--allowed-origin", "https://app.example.com", "--allowed-host", "named.example:8080"],
  });
  mcp = `${bridge.url}/mcp`;
});
afterAll(() => bridge.stop());

const VERSIONS = ["2025-03-26", "2025-06-18", "2025-11-25"];
const ping = { jsonrpc: "2.0", id: 1, method: "ping" };
const streamHeaders = { accept: "text/event-stream" };

describe("1. sessions", () => {
  test("an unknown session is 404 on POST, GET and DELETE", async () => {
    const headers = { ...STREAMABLE, "mcp-session-id": "no-such-session" };
    const post = await send(mcp, "POST", JSON.stringify(ping), headers);
    expect([post.status, post.messages[0].error.code, post.messages[0].id]).toEqual([404, -32001, 1]);
    expect((await send(mcp, "GET", undefined, headers)).status).toBe(404);
    expect((await send(mcp, "DELETE", undefined, headers)).status).toBe(404);
  });

  test("a missing session is 400 on POST, GET and DELETE", async () => {
    expect((await send(mcp, "POST", JSON.stringify(ping), STREAMABLE)).status).toBe(400);
    expect((await send(mcp, "GET", undefined, streamHeaders)).status).toBe(400);
    expect((await send(mcp, "DELETE")).status).toBe(400);
  });

  test("DELETE closes the GET stream, and the session is 404 from then on", async () => {
    const session = await openSession(bridge.url);
    const stream = await session.stream();
    expect((await session.delete()).status).toBe(200);
    expect(await stream.rest()).toEqual([]);
    expect((await session.post(ping)).status).toBe(404);
    expect((await send(mcp, "GET", undefined, { ...streamHeaders, ...session.headers })).status).toBe(404);
    expect((await session.delete()).status).toBe(404);
  });

  test("a session of one transport does not exist on the other", async () => {
    const session = await openSession(bridge.url);
    const sse = await SseSession.open(bridge.url);
    expect(
      (await send(`${bridge.url}/messages?sessionId=${session.id}`, "POST", JSON.stringify(ping), STREAMABLE)).status,
    ).toBe(404);
    const headers = { ...STREAMABLE, "mcp-session-id": sse.endpoint.split("=")[1] ?? "" };
    expect((await send(mcp, "POST", JSON.stringify(ping), headers)).status).toBe(404);
    await session.delete();
    sse.close();
  });

  test("a refused initialize opens no session", async () => {
    const reply = await initialize(bridge.url, "2025-11-25", { clientInfo: { name: "refused", version: "1" } });
    expect(reply.status).toBe(200);
    expect(reply.messages[0].error).toEqual({ code: -32602, message: "not you" });
    expect(reply.headers.get("mcp-session-id")).toBeNull();
  });

  test("a session cannot be initialised twice", async () => {
    const session = await openSession(bridge.url);
    expect((await session.post(initializeMessage("2025-11-25"))).status).toBe(400);
    await session.delete();
  });
});

describe("2. versions", () => {
  test("an unsupported MCP-Protocol-Version is 400 on every verb", async () => {
    const session = await openSession(bridge.url);
    const headers = { "mcp-protocol-version": "1999-01-01" };
    const post = await session.post(ping, headers);
    expect(post.status).toBe(400);
    expect(post.messages[0].error.data).toEqual({
      supported: ["2024-10-07", "2024-11-05", ...VERSIONS],
      requested: "1999-01-01",
    });
    for (const method of ["GET", "DELETE"]) {
      expect((await send(mcp, method, undefined, { ...streamHeaders, ...session.headers, ...headers })).status).toBe(
        400,
      );
    }
    await session.delete();
  });

  test("an absent MCP-Protocol-Version is accepted, and so is each supported one", async () => {
    const session = await openSession(bridge.url);
    expect((await session.post(ping)).status).toBe(200);
    for (const version of VERSIONS) {
      expect((await session.post(ping, { "mcp-protocol-version": version })).status).toBe(200);
    }
    await session.delete();
  });

  test("an unknown version in initialize is answered with a supported one, even by a server that echoes", async () => {
    for (const version of ["2099-01-01", "1999-01-01", "nonsense"]) {
      const reply = await initialize(bridge.url, version);
      expect(reply.messages[0].result.protocolVersion).toBe("2025-11-25");
    }
  });

  test.each(VERSIONS)("%s is negotiated as asked", async (version) => {
    expect((await initialize(bridge.url, version)).messages[0].result.protocolVersion).toBe(version);
  });
});

describe("3. Origin and Host", () => {
  test("a foreign Origin is 403 on every verb and path, GET too", async () => {
    const session = await openSession(bridge.url);
    const headers = { ...STREAMABLE, ...session.headers, origin: "http://evil.example.com" };
    expect((await send(mcp, "POST", JSON.stringify(ping), headers)).status).toBe(403);
    for (const [method, path] of [
      ["GET", "/mcp"],
      ["DELETE", "/mcp"],
      ["OPTIONS", "/mcp"],
      ["GET", "/sse"],
      ["POST", "/messages"],
      ["GET", "/health"],
      ["GET", "/metrics"],
    ] as const) {
      expect([path, (await send(`${bridge.url}${path}`, method, undefined, headers)).status]).toEqual([path, 403]);
    }
    await session.delete();
  });

  test("a foreign Host is 403", async () => {
    for (const host of ["evil.example.com", `evil.example.com:${bridge.port}`, "localhost.evil.com"]) {
      expect((await rawRequest(bridge.port, { method: "GET", path: "/health", headers: { host } })).status).toBe(403);
    }
  });

  test("loopback names with any port are allowed", async () => {
    for (const host of ["localhost", "127.0.0.1:1", `[::1]:${bridge.port}`, "LOCALHOST:80"]) {
      expect((await rawRequest(bridge.port, { method: "GET", path: "/metrics", headers: { host } })).status).toBe(200);
    }
  });

  test("a configured allow-list opens them; a host with a port allows that port only", async () => {
    const status = async (headers: Record<string, string>) =>
      (await rawRequest(bridge.port, { method: "GET", path: "/metrics", headers })).status;
    expect(await status({ host: "named.example:8080" })).toBe(200);
    expect(await status({ host: "named.example:9090" })).toBe(403);
    expect(await status({ host: "localhost", origin: "https://app.example.com" })).toBe(200);
    expect(await status({ host: "localhost", origin: "http://localhost:3000" })).toBe(200);
    expect(await status({ host: "localhost", origin: "https://app.example.com.evil.com" })).toBe(403);
    expect(await status({ host: "localhost", origin: "null" })).toBe(403);
  });
});

describe("4. batches", () => {
  const batch = JSON.stringify([
    { jsonrpc: "2.0", id: "a", method: "ping" },
    { jsonrpc: "2.0", method: "notifications/progress", params: { progressToken: 1, progress: 1 } },
    { jsonrpc: "2.0", id: "b", method: "tools/call", params: { name: "echo", arguments: { text: "in a batch" } } },
  ]);

  test.each(["2025-06-18", "2025-11-25"])("400 on %s", async (version) => {
    const session = await openSession(bridge.url, version);
    const reply = await session.post(batch);
    expect([reply.status, reply.messages[0].error.code, reply.messages[0].id]).toEqual([400, -32600, null]);
    await session.delete();
  });

  test("served on 2025-03-26: each request answered once, on the one stream, which then ends", async () => {
    const session = await openSession(bridge.url, "2025-03-26");
    const reply = await session.post(batch);
    expect(reply.status).toBe(200);
    const byId = reply.messages.toSorted((a, b) => String(a.id).localeCompare(String(b.id)));
    expect(byId).toEqual([
      { jsonrpc: "2.0", id: "a", result: {} },
      { jsonrpc: "2.0", id: "b", result: { content: [{ type: "text", text: "in a batch" }] } },
    ]);
    await session.delete();
  });

  test("2025-03-26: a batch without requests is 202, an empty or faulty one 400, initialize in one 400", async () => {
    const session = await openSession(bridge.url, "2025-03-26");
    const notification = { jsonrpc: "2.0", method: "notifications/roots/list_changed" };
    expect((await session.post([notification, notification])).status).toBe(202);
    expect((await session.post("[]")).status).toBe(400);
    expect((await session.post("[1]")).status).toBe(400);
    expect((await session.post([ping, initializeMessage("2025-03-26")])).status).toBe(400);
    expect((await session.post([ping, ping])).status).toBe(400);
    await session.delete();
  });
});

describe("5. statuses", () => {
  test("a notification and a response are 202 with an empty body", async () => {
    const session = await openSession(bridge.url);
    for (const message of [
      { jsonrpc: "2.0", method: "notifications/roots/list_changed" },
      { jsonrpc: "2.0", id: "x", result: {} },
      { jsonrpc: "2.0", id: "x", error: { code: 1, message: "no" } },
    ]) {
      const reply = await session.post(message);
      expect([reply.status, reply.text]).toEqual([202, ""]);
    }
    await session.delete();
  });

  test("bad JSON is 400 with -32700, what is no JSON-RPC 400 with -32600", async () => {
    const session = await openSession(bridge.url);
    for (const [body, code] of [
      ["{", -32700],
      ["", -32700],
      ['{"jsonrpc":"2.0","id":1,"method":"ping"} x', -32700],
      ['{"jsonrpc":"2.0","id":01,"method":"ping"}', -32700],
      ['{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600],
      ['{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600],
      ['{"jsonrpc":"2.0","id":{},"method":"ping"}', -32600],
      ['{"jsonrpc":"2.0","id":1,"method":7}', -32600],
      ['{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}', -32600],
      ['{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', -32600],
      ['{"jsonrpc":"2.0","id":1}', -32600],
      ["7", -32600],
    ] as const) {
      const reply = await session.post(body);
      expect([body, reply.status, reply.messages[0].error.code]).toEqual([body, 400, code]);
    }
    await session.delete();
  });

  test("bytes that are not UTF-8 are 400 with -32700", async () => {
    const session = await openSession(bridge.url);
    const body = new Uint8Array(
      Buffer.concat([Buffer.from('{"jsonrpc":"2.0","id":1,"method":"'), Buffer.of(0xff), Buffer.from('"}')]),
    );
    const reply = await send(mcp, "POST", body, { ...STREAMABLE, ...session.headers });
    expect([reply.status, reply.messages[0].error.code]).toEqual([400, -32700]);
    await session.delete();
  });

  test("406 for an Accept without both types", async () => {
    const session = await openSession(bridge.url);
    for (const accept of ["application/json", "text/event-stream", "text/html"]) {
      expect((await session.post(ping, { accept })).status).toBe(406);
    }
    expect((await send(mcp, "GET", undefined, { ...session.headers, accept: "application/json" })).status).toBe(406);
    await session.delete();
  });

  test("415 for another content type; parameters of the right one do not matter", async () => {
    const session = await openSession(bridge.url);
    expect((await session.post(ping, { "content-type": "text/plain" })).status).toBe(415);
    expect((await session.post(ping, { "content-type": "application/json; charset=utf-8" })).status).toBe(200);
    await session.delete();
  });

  test("405 with Allow", async () => {
    for (const [path, method, allow] of [
      ["/mcp", "PUT", "POST, GET, DELETE"],
      ["/mcp", "PATCH", "POST, GET, DELETE"],
      ["/sse", "POST", "GET"],
      ["/messages", "GET", "POST"],
      ["/health", "POST", "GET"],
    ] as const) {
      const reply = await send(`${bridge.url}${path}`, method);
      expect([path, reply.status, reply.headers.get("allow")]).toEqual([path, 405, allow]);
    }
    expect((await send(`${bridge.url}/nothing`, "GET")).status).toBe(404);
  });
});

describe("6. priming event", () => {
  test("first on 2025-11-25: an id, a retry, empty data", async () => {
    const session = await openSession(bridge.url);
    const { events } = await session.request("ping");
    expect(events).toEqual([
      { id: expect.stringMatching(/-0$/), retry: "1000", data: "" },
      { event: "message", id: expect.stringMatching(/-1$/), data: expect.stringContaining('"result":{}') },
    ]);
    await session.delete();
  });

  test("it comes before the answer is there", async () => {
    const session = await openSession(bridge.url);
    const call = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "sleep", arguments: { ms: 1_500 } } };
    const stream = await session.postStream(call);
    expect(await stream.next()).toEqual({ id: expect.any(String), retry: "1000", data: "" });
    expect(stream.pending()).toEqual([]);
    expect((await stream.message()).result.content[0].text).toBe("slept 1500");
    await session.delete();
  });

  test.each(["2025-03-26", "2025-06-18"])("none on %s: every event has data", async (version) => {
    const session = await openSession(bridge.url, version);
    const { events } = await session.request("ping");
    expect(events.map(({ event, data }) => [event, JSON.parse(data ?? "")])).toEqual([
      ["message", { jsonrpc: "2.0", id: 100, result: {} }],
    ]);
    await session.delete();
  });
});

describe("7. dropped connections and resumption", () => {
  const slow = { jsonrpc: "2.0", id: 7, method: "tools/call", params: { name: "sleep", arguments: { ms: 300 } } };

  test("a dropped POST is not a cancel; Last-Event-ID gets its answer", async () => {
    const session = await openSession(bridge.url);
    const post = await session.postStream(slow);
    const { id = "" } = (await post.next()) ?? {};
    post.close();
    const resumed = await session.stream({ "last-event-id": id });
    const [answer, ...more] = await resumed.rest();
    expect(answer).toEqual({ jsonrpc: "2.0", id: 7, result: { content: [{ type: "text", text: "slept 300" }] } });
    expect(more).toEqual([]);
    expect(await session.call("cancelled")).toBe("[]");
    await session.delete();
  });

  test("an answer that came while nobody was connected is replayed", async () => {
    const session = await openSession(bridge.url);
    const post = await session.postStream(slow);
    const { id = "" } = (await post.next()) ?? {};
    post.close();
    await until("the answer is counted", async () => (await bridge.metric("mcp_requests_in_flight")) === 0);
    const resumed = await session.stream({ "last-event-id": id });
    expect((await resumed.rest()).map((message) => message.id)).toEqual([7]);
    await session.delete();
  });

  test("Last-Event-ID replays that stream only, after that event only", async () => {
    const session = await openSession(bridge.url);
    const progress = (id: number) => ({
      jsonrpc: "2.0",
      id,
      method: "tools/call",
      params: { name: "progress", arguments: { steps: 3 }, _meta: { progressToken: `t${id}` } },
    });
    const [first] = await Promise.all([session.post(progress(1)), session.post(progress(2))]);
    expect(first.messages.map((message) => message.params?.progress ?? message.id)).toEqual([1, 2, 3, 1]);
    const after = first.events[2]?.id ?? "";
    const replayed = await (await session.stream({ "last-event-id": after })).rest();
    expect(replayed).toEqual(first.messages.slice(2));
    await session.delete();
  });

  test("an event of another session is refused, and nothing of it shown", async () => {
    const one = await openSession(bridge.url);
    const other = await openSession(bridge.url);
    const { events } = await one.request("tools/call", { name: "echo", arguments: { text: "private" } });
    const reply = await send(mcp, "GET", undefined, {
      ...streamHeaders,
      ...other.headers,
      "last-event-id": events[0]?.id ?? "",
    });
    expect(reply.status).toBe(400);
    expect(reply.text).not.toContain("private");
    await Promise.all([one.delete(), other.delete()]);
  });

  test("a stream whose end was delivered is 204: there is nothing to come back for", async () => {
    const session = await openSession(bridge.url);
    const { events } = await session.request("ping");
    const headers = { ...streamHeaders, ...session.headers, "last-event-id": events.at(-1)?.id ?? "" };
    expect((await send(mcp, "GET", undefined, headers)).status).toBe(204);
    await session.delete();
  });

  test("news that came while the GET stream was down are delivered on the next one, once", async () => {
    const session = await openSession(bridge.url);
    await session.call("announce", { method: "notifications/tools/list_changed", params: {} });
    const first = await session.stream();
    expect((await first.message()).method).toBe("notifications/tools/list_changed");
    first.close();
    await session.call("later", { method: "notifications/prompts/list_changed", ms: 0 });
    const second = await session.stream();
    expect((await second.message()).method).toBe("notifications/prompts/list_changed");
    expect(second.pending()).toEqual([]);
    await session.delete();
  });
});

describe("8. streams", () => {
  test("each message is on exactly one stream, and no response on the GET stream", async () => {
    const session = await openSession(bridge.url);
    const get = await session.stream();
    const call = {
      jsonrpc: "2.0",
      id: 8,
      method: "tools/call",
      params: { name: "progress", arguments: { steps: 2, pause: 5 }, _meta: { progressToken: 1 } },
    };
    const post = await session.post(call);
    expect(post.messages.map((message) => message.method ?? message.id)).toEqual([
      "notifications/progress",
      "notifications/progress",
      8,
    ]);
    const announced = await session.request("tools/call", {
      name: "announce",
      arguments: { method: "notifications/resources/updated", params: { uri: "a:b" } },
    });
    expect(announced.messages.map((message) => message.method ?? "answer")).toEqual(["answer"]);
    expect((await get.message()).params.uri).toBe("a:b");
    await session.delete();
    expect(await get.rest()).toEqual([]);
  });

  test("of two GET streams one gets the message", async () => {
    const session = await openSession(bridge.url);
    const streams = [await session.stream(), await session.stream()];
    await session.call("announce", { method: "notifications/tools/list_changed", params: {} });
    await session.delete();
    const got = await Promise.all(streams.map((stream) => stream.rest()));
    expect(got.flat().map((message) => message.method)).toEqual(["notifications/tools/list_changed"]);
  });
});

describe("9. ids", () => {
  test.each(['"a"', '"\\u00e9"', "7", "-1", "0", "12345678901234567890", '"12345678901234567890"', '""'])(
    "id %s comes back unchanged",
    async (id) => {
      const session = await openSession(bridge.url);
      const { events } = await session.post(`{"jsonrpc":"2.0","id":${id},"method":"ping"}`);
      expect(events.at(-1)?.data).toBe(`{"jsonrpc":"2.0","id":${id},"result":{}}`);
      await session.delete();
    },
  );

  test("equal ids and progress tokens in two sessions never mix", async () => {
    const sessions = await Promise.all(["one", "two", "three"].map(() => openSession(bridge.url)));
    const replies = await Promise.all(
      sessions.map((session, i) =>
        session.post({
          jsonrpc: "2.0",
          id: 1,
          method: "tools/call",
          params: { name: "progress", arguments: { steps: i + 1, pause: 5 }, _meta: { progressToken: 1 } },
        }),
      ),
    );
    expect(replies.map((reply) => reply.messages.map((message) => message.params?.total ?? "answer"))).toEqual([
      [1, "answer"],
      [2, 2, "answer"],
      [3, 3, 3, "answer"],
    ]);
    await Promise.all(sessions.map((session) => session.delete()));
  });

  test("an id that is in flight cannot be used again until it is answered", async () => {
    const session = await openSession(bridge.url);
    const call = { jsonrpc: "2.0", id: 5, method: "tools/call", params: { name: "sleep", arguments: { ms: 1_500 } } };
    const first = session.post(call);
    await until("it is in flight", async () => (await bridge.metric("mcp_requests_in_flight")) === 1);
    expect((await session.post(call)).status).toBe(400);
    expect((await first).messages.at(-1).result.content[0].text).toBe("slept 1500");
    expect((await session.post(call)).status).toBe(200);
    await session.delete();
  });
});

describe("10. requests of the server", () => {
  test.each(["sampling/createMessage", "elicitation/create", "roots/list"])(
    "%s reaches its client and comes back",
    async (method) => {
      const session = await openSession(bridge.url, "2025-06-18");
      const call = {
        jsonrpc: "2.0",
        id: 1,
        method: "tools/call",
        params: { name: "ask", arguments: { method, params: { n: 1 } } },
      };
      const stream = await session.postStream(call);
      const asked = await stream.message();
      expect([asked.method, asked.params]).toEqual([method, { n: 1 }]);
      const answer = await session.post({ jsonrpc: "2.0", id: asked.id, result: { picked: method } });
      expect([answer.status, answer.text]).toEqual([202, ""]);
      const { result } = await stream.message();
      expect(JSON.parse(result.content[0].text).result).toEqual({ picked: method });
      await session.delete();
    },
  );

  test("over SSE as well", async () => {
    const session = await SseSession.open(bridge.url);
    const params = { name: "ask", arguments: { method: "sampling/createMessage" } };
    await session.post({ jsonrpc: "2.0", id: 1, method: "tools/call", params });
    const asked = await session.reader.message();
    expect((await session.post({ jsonrpc: "2.0", id: asked.id, result: { ok: true } })).status).toBe(202);
    expect(JSON.parse((await session.reader.message()).result.content[0].text).result).toEqual({ ok: true });
    session.close();
  });
});

describe("11. bodies", () => {
  test("a body of 2 MB passes both ways", async () => {
    const session = await openSession(bridge.url);
    const text = "é".repeat(1_000_000);
    expect(await session.call("echo", { text })).toBe(text);
    await session.delete();
  });

  test("a body over the limit is 413, with or without Content-Length", async () => {
    const small = await startBridge({ args: ["--max-body-bytes", "64KiB"] });
    try {
      const session = await openSession(small.url);
      const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping", params: { pad: "x".repeat(200_000) } });
      expect((await session.post(body)).status).toBe(413);
      const chunks = new ReadableStream({
        start(controller) {
          for (let i = 0; i < body.length; i += 10_000) controller.enqueue(Buffer.from(body.slice(i, i + 10_000)));
          controller.close();
        },
      });
      const init = { method: "POST", headers: { ...STREAMABLE, ...session.headers }, body: chunks, duplex: "half" };
      expect((await fetch(session.url, init as RequestInit)).status).toBe(413);
      expect((await session.request("ping")).status).toBe(200);
    } finally {
      await small.stop();
    }
  });

  test("UTF-8 split at every byte, on both sides", async () => {
    const session = await openSession(bridge.url);
    const text = "héllo wörld €uro 日本 🎉";
    expect(await session.call("bytewise", { text })).toBe(text);
    const body = Buffer.from(
      JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "echo", arguments: { text } } }),
    );
    const bytes = new ReadableStream({
      async start(controller) {
        for (const byte of body) {
          controller.enqueue(Buffer.of(byte));
          await new Promise((resolve) => setImmediate(resolve));
        }
        controller.close();
      },
    });
    const init = { method: "POST", headers: { ...STREAMABLE, ...session.headers }, body: bytes, duplex: "half" };
    const reader = await EventReader.open(session.url, init as RequestInit);
    expect((await reader.message()).result.content[0].text).toBe(text);
    await session.delete();
  });
});

describe("open streams", () => {
  test("get a comment now and then, which is no event", async () => {
    const quick = await startBridge({ args: ["--keep-alive", "100ms"] });
    try {
      const session = await openSession(quick.url);
      const response = await fetch(session.url, { headers: { ...streamHeaders, ...session.headers } });
      const reader = (response.body as ReadableStream<Uint8Array>).getReader();
      const { value } = await reader.read();
      expect(Buffer.from(value ?? []).toString()).toBe(": keep-alive\n\n");
      await reader.cancel();
    } finally {
      await quick.stop();
    }
  });
});
