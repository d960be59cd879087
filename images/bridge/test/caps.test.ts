import { afterEach, describe, expect, test, vi } from "vitest";
import { readMessage } from "../src/envelope.ts";
import { eventFrame } from "../src/event-frame.ts";
import { EventStore, type StoredStream } from "../src/event-store.ts";
import { readFilter } from "../src/subscriptions.ts";
import { type RunningBridge, until, warm } from "./fixtures/bridge.ts";
import {
  exchange,
  LoadSession,
  LoadSessionless,
  LoadSse,
  open,
  startLoadBridge,
  toolCall,
} from "./fixtures/load-client.ts";
import { requestOf } from "./fixtures/sessionless-client.ts";

// Each cap answers; none hangs. Those on sessions and requests in flight of a session are in limits.test.ts.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const bridges: RunningBridge[] = [];
afterEach(async () => {
  await Promise.all(bridges.splice(0).map((bridge) => bridge.stop("SIGKILL")));
});

async function start(...args: string[]): Promise<RunningBridge> {
  const bridge = await startLoadBridge({ args });
  bridges.push(bridge);
  return bridge;
}

describe("a body over the cap is 413", () => {
  const LIMIT = 4_096;
  const call = (text: string): string => JSON.stringify(toolCall(1, "echo", { text }));
  const exactly = (bytes: number): string => call("x".repeat(bytes - call("").length));

  test("announced or not, on every endpoint; one of exactly the cap is served, and the connection too", async () => {
    const bridge = await start("--max-body-bytes", String(LIMIT));
    const session = await LoadSession.open(bridge.port);
    const sse = await LoadSse.open(bridge.port);
    expect((await session.post(exactly(LIMIT))).status).toBe(200);
    const over = [exactly(LIMIT + 1)];
    const { headers } = requestOf("tools/call", { name: "echo" });
    const refused = await Promise.all([
      exchange(bridge.port, { headers: session.headers, chunks: over }),
      exchange(bridge.port, { headers: { ...session.headers, "transfer-encoding": "chunked" }, chunks: over }),
      exchange(bridge.port, { headers, chunks: over }),
      sse.post(over),
    ]);
    expect(refused.map(({ status }) => status)).toEqual([413, 413, 413, 413]);
    expect(JSON.parse(String(refused[0]?.body)).error.message).toBe(
      "the body is over 4096 bytes (--max-body-bytes, MCP_MAX_BODY_BYTES)",
    );
    expect(await bridge.metric('mcp_failures_total{cause="oversized_body"}')).toBe(4);
    sse.close();
  });
});

test("SSE and 2026-07-28: over the cap of requests in flight is 429 with Retry-After", async () => {
  const bridge = await start("--max-in-flight", "3");
  await warm(bridge);
  const sse = await LoadSse.open(bridge.port);
  for (const id of [1, 2, 3]) await sse.post([JSON.stringify(toolCall(id, "never"))]);
  const onSse = await sse.post([JSON.stringify(toolCall(4, "echo"))]);
  expect([onSse.status, onSse.headers["retry-after"]]).toEqual([429, "1"]);
  sse.close();
  const caller = new LoadSessionless(bridge.port);
  await caller.call("echo");
  const { message, headers } = requestOf("tools/call", { name: "never", arguments: {} });
  const chunks = [JSON.stringify(message)];
  const waiting = [1, 2, 3].map(() => exchange(bridge.port, { headers, chunks }).catch(() => undefined));
  await until("three are in flight", async () => (await bridge.metric("mcp_requests_in_flight")) === 3);
  const refused = await exchange(bridge.port, { headers, chunks });
  expect([refused.status, refused.headers["retry-after"]]).toEqual([429, "1"]);
  await bridge.stop("SIGKILL");
  await Promise.all(waiting);
});

describe("the event store", () => {
  test("what fell out of it is 400 with a reason, what is in it comes again", async () => {
    const bridge = await start("--event-store-bytes", "4KiB");
    const session = await LoadSession.open(bridge.port);
    const ids: string[] = [];
    for (let i = 0; i < 40; i++) {
      const { body } = await session.post(toolCall(i, "echo", { text: "x".repeat(500) }));
      ids.push(/^id: (\S+)$/m.exec(body.toString())?.[1] ?? "");
    }
    const resume = (id: string | undefined) =>
      exchange(bridge.port, { method: "GET", headers: { ...session.headers, "last-event-id": id ?? "" } });
    const old = await resume(ids[0]);
    expect([old.status, JSON.parse(String(old.body)).error.message]).toEqual([
      400,
      `event "${ids[0]}" is not, or no longer, known in this session`,
    ]);
    const last = await resume(ids.at(-1));
    expect([last.status, last.body.toString()]).toEqual([200, expect.stringContaining('"id":39')]);
  });

  test("full of what nobody has received, it is not walked with every event, and keeps to its bounds", () => {
    const lost: StoredStream = { undelivered: true, forgotten: () => {} };
    const store = new EventStore(1_000, 100_000);
    let walks = 0;
    const counting: StoredStream = {
      get undelivered() {
        walks++;
        return true;
      },
      forgotten: () => {},
    };
    for (let seq = 1; seq <= 10_000; seq++) {
      store.add({ stream: seq === 1 ? lost : counting, seq, frame: eventFrame(Buffer.alloc(100)) });
      expect(store.bytes).toBeLessThanOrEqual(100_000);
    }
    // 10,000 events in a store of 1,000: a walk for each would look at nearly ten million.
    expect(walks).toBeLessThan(500_000);
    expect(store.after(counting, 9_999).length).toBe(1);
  });
});

test("a listen for more than a thousand resources is refused", () => {
  const filter = (count: number) => {
    const notifications = { resourceSubscriptions: Array.from({ length: count }, (_, i) => `a://${i}`) };
    const text = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "subscriptions/listen", params: { notifications } });
    const message = readMessage(Buffer.from(text));
    return message.ok ? readFilter(message.value) : message.message;
  };
  expect(filter(1_001)).toBe('"resourceSubscriptions" may list 1000 URIs; listen twice for more');
  expect(filter(1_000)).toMatchObject({ resourceSubscriptions: expect.objectContaining({ length: 1_000 }) });
});

test("servers that never answer do not keep others from starting for long", async () => {
  const bridge = await start("--warm-children", "0");
  // Streams that open and say nothing more: their servers have nothing to answer.
  const silent = await Promise.all(
    Array.from({ length: 12 }, () => open(bridge.port, { method: "GET", path: "/sse", headers: {} })),
  );
  const session = await LoadSession.open(bridge.port);
  expect(await session.text("echo", { text: "served" })).toBe("served");
  for (const stream of silent) stream.request.destroy();
}, 25_000);
