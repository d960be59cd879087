import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type RunningBridge, startBridge, warm } from "./fixtures/bridge.ts";
import { openSession, rawRequest, send } from "./fixtures/http-client.ts";

// Real processes on a shared machine: generous, and never part of an assertion.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

let bridge: RunningBridge;
beforeAll(async () => {
  bridge = await startBridge({ args: ["--log-level", "debug"] });
  await warm(bridge);
});
afterAll(() => bridge.stop());

const headers = (count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-${i}`, "1"]));

describe("limits of URL and headers", () => {
  test("a URL over 4,096 characters: 414, on every path", async () => {
    for (const path of ["/mcp", "/sse", "/messages", "/health", "/nothing"]) {
      const fits = `${path}?${"x".repeat(4_096 - path.length - 1)}`;
      expect((await rawRequest(bridge.port, { method: "PUT", path: fits })).status).not.toBe(414);
      const { status, body } = await rawRequest(bridge.port, { method: "PUT", path: `${fits}x` });
      expect([status, JSON.parse(body).error.message]).toEqual([414, "the URL is over 4096 characters"]);
    }
  });

  test("over 100 headers: 431, so that none is dropped in silence", async () => {
    // Node's client adds Host and Connection.
    expect((await rawRequest(bridge.port, { method: "GET", path: "/metrics", headers: headers(98) })).status).toBe(200);
    const { status, body } = await rawRequest(bridge.port, { method: "GET", path: "/metrics", headers: headers(99) });
    expect([status, JSON.parse(body).error.message]).toEqual([431, "there are over 100 headers"]);
  });

  test.each([
    ["one long header", { "x-long": "x".repeat(16_384) }, "/metrics"],
    ["thousands of short ones", headers(3_000), "/metrics"],
    ["a very long URL", {}, `/metrics?${"x".repeat(20_000)}`],
  ])("over 16 KiB in all, by %s: 431 before anything is read", async (_what, long, path) => {
    expect((await rawRequest(bridge.port, { method: "GET", path, headers: long })).status).toBe(431);
  });

  test("a token in a URL is refused on every path, also where auth is off, and never logged", async () => {
    for (const path of ["/mcp", "/sse", "/messages", "/health", "/nothing"]) {
      const reply = await send(`${bridge.url}${path}?a=1&access_token=very-secret`, "GET");
      expect([reply.status, reply.messages[0].error.code]).toEqual([400, -32600]);
      expect(reply.text).not.toContain("very-secret");
    }
    expect(JSON.stringify(bridge.log)).not.toContain("very-secret");
  });
});

/** Sends `head` and then a character now and then; resolves with all that came back once the bridge hung up. */
function trickle(head: string): Promise<string> {
  const socket = connect(bridge.port, "127.0.0.1");
  socket.write(head);
  // Nothing at all is a way to be slow, too.
  const timer = setInterval(() => head !== "" && socket.write("x"), 500);
  return new Promise((resolve) => {
    let text = "";
    socket.setEncoding("utf8").on("data", (chunk) => {
      text += chunk;
    });
    // The end of a connection on which something is still being written can be a reset.
    socket.on("error", () => {});
    socket.on("close", () => {
      clearInterval(timer);
      resolve(text);
    });
  });
}

const POST =
  "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n";

describe("slow-loris", () => {
  test("headers and bodies that trickle in are cut off with 408; who is quick is served meanwhile", async () => {
    const started = Date.now();
    const slow = Array.from({ length: 20 }, () => trickle("GET /mcp HTTP/1.1\r\nHost: localhost\r\nX-Slow: "));
    const bodies = Array.from({ length: 5 }, () => trickle(`${POST}Content-Length: 100000\r\n\r\n{`));
    const silent = trickle("");
    const session = await openSession(bridge.url);
    expect(await session.call("echo", { text: "quick" })).toBe("quick");
    for (const answer of await Promise.all([...slow, silent]))
      expect(answer).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
    expect(Date.now() - started).toBeGreaterThanOrEqual(15_000);
    expect(await session.call("echo", { text: "still quick" })).toBe("still quick");
    for (const answer of await Promise.all(bodies)) expect(answer).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
    expect(Date.now() - started).toBeGreaterThanOrEqual(60_000);
    expect(await session.call("echo", { text: "quick to the end" })).toBe("quick to the end");
    await session.delete();
    expect(bridge.log.filter(({ event }) => event === "internal_error")).toEqual([]);
  });
});
