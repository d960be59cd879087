import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type RunningBridge, startBridge, until } from "./fixtures/bridge.ts";
import { type HttpSession, openSession, SseSession, STREAMABLE } from "./fixtures/http-client.ts";

// Real processes on a shared machine: generous, and never part of an assertion.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let bridge: RunningBridge;
beforeAll(async () => {
  bridge = await startBridge();
});
afterAll(() => bridge.stop());

describe("bytes", () => {
  const exact =
    '{"jsonrpc":"2.0", "id":1,"method":"tools/call","zzz":{"unknown":[ 1.0, -0, 1e400 ]},"params":{"name":"line",' +
    '"b":12345678901234567890,"a":0.1000000000000000055511151231257827,"arguments":{"\\u00e9":"\\/ \\ud83d\\ude00"}}}';

  test("the server gets the client's very bytes: numbers, key order, unknown fields, escapes, spaces", async () => {
    const session = await openSession(bridge.url);
    const { messages } = await session.post(exact);
    expect(messages.at(-1).result.content[0].text).toBe(exact);
    await session.delete();
  });

  test("over SSE too", async () => {
    const session = await SseSession.open(bridge.url);
    await session.post(exact);
    expect((await session.reader.message()).result.content[0].text).toBe(exact);
    session.close();
  });

  test("line breaks between JSON tokens become spaces: the server reads lines", async () => {
    const session = await openSession(bridge.url);
    const pretty = JSON.stringify(JSON.parse(exact.replace("1e400", "1")), null, 2).replaceAll("\n", "\r\n");
    const { messages } = await session.post(pretty);
    expect(messages.at(-1).result.content[0].text).toBe(pretty.replaceAll("\r\n", "  "));
    await session.delete();
  });

  test("the client gets the server's very bytes", async () => {
    const session = await openSession(bridge.url);
    const result =
      '{ "n":12345678901234567890,"content":[],"x":1.50,"\\u00e9":"\\u00e9" , "deep":[[{"id":7,"method":"no"}]]}';
    const { events } = await session.post({
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: { name: "raw", arguments: { result } },
    });
    expect(events.at(-1)?.data).toBe(`{"result":${result},"id":1,"jsonrpc":"2.0"}`);
    await session.delete();
  });

  test.each([1_000, 64_000, 1_000_000, 10_000_000])("%i bytes pass both ways", async (bytes) => {
    const session = await openSession(bridge.url);
    const text = 'a\\"€\n'.repeat(Math.ceil(bytes / 8));
    expect((await session.call("echo", { text })) === text).toBe(true);
    await session.delete();
  });
});

describe("bursts", () => {
  async function burst(call: (text: string) => Promise<string>, count: number, name: string): Promise<void> {
    const texts = Array.from({ length: count }, (_, i) => `${name}-${i}`);
    expect(await Promise.all(texts.map(call))).toEqual(texts);
  }

  test("50 sessions at once: each is answered by its own server, and all end", async () => {
    const sessions: HttpSession[] = await Promise.all(Array.from({ length: 50 }, () => openSession(bridge.url)));
    const pids = await Promise.all(sessions.map((session) => session.call("pid")));
    expect(new Set(pids).size).toBe(50);
    await Promise.all(sessions.map((session, i) => burst((text) => session.call("echo", { text }), 5, `s${i}`)));
    await Promise.all(sessions.map((session) => session.delete()));
    await until("the spare alone is left", () => bridge.descendants() === 1);
  });

  test("500 requests in one burst in one session: every answer reaches its own request", async () => {
    const session = await openSession(bridge.url);
    await burst((text) => session.call("echo", { text }), 500, "http");
    await session.delete();
  });

  test("200 requests in one burst over SSE: each is answered exactly once", async () => {
    const session = await SseSession.open(bridge.url);
    const ids = Array.from({ length: 200 }, (_, i) => i + 1_000);
    await Promise.all(
      ids.map((id) =>
        session.post({
          jsonrpc: "2.0",
          id,
          method: "tools/call",
          params: { name: "echo", arguments: { text: `t${id}` } },
        }),
      ),
    );
    const answers = new Map<number, string>();
    for (let i = 0; i < ids.length; i++) {
      const { id, result } = await session.reader.message();
      expect(answers.has(id)).toBe(false);
      answers.set(id, result.content[0].text);
    }
    expect(ids.map((id) => answers.get(id))).toEqual(ids.map((id) => `t${id}`));
    expect(session.reader.pending()).toEqual([]);
    session.close();
  });
});

describe("back-pressure", () => {
  test("a client that does not read holds no more than the queue; the server is paused, then everything comes", async () => {
    const small = await startBridge({ args: ["--max-queue-bytes", "1MiB"] });
    try {
      const session = await openSession(small.url);
      const params = { name: "flood", arguments: { count: 300, bytes: 100_000 } };
      const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params });
      const response = await fetch(session.url, {
        method: "POST",
        headers: { ...STREAMABLE, ...session.headers },
        body,
      });
      const queue = async (): Promise<number> => (await small.metric("mcp_queue_bytes")) ?? 0;
      let queued = 0;
      // It grows until the server is paused, and then stays.
      await until("the queue is full", async () => {
        const before = queued;
        queued = await queue();
        return queued > 2 ** 20 && queued === before;
      });
      // The queue, and the message that filled it.
      expect(queued).toBeLessThan(2 ** 20 + 400_000);
      const text = await response.text();
      expect(text.split("notifications/message").length - 1).toBe(300);
      expect(text).toContain("flooded");
      expect(await small.metric("mcp_queue_bytes")).toBe(0);
    } finally {
      await small.stop();
    }
  });
});
