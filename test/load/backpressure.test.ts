import { connect, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { type RunningBridge, until, warm } from "../../images/bridge/test/fixtures/bridge.ts";
import {
  heldBytes,
  LoadSession,
  LoadSessionless,
  LoadSse,
  open,
  startLoadBridge,
  toolCall,
  usage,
} from "../../images/bridge/test/fixtures/load-client.ts";
import { requestOf } from "../../images/bridge/test/fixtures/sessionless-client.ts";

const MIB = 2 ** 20;
/** What one slow reader of 60 MB may hold of the bridge's memory (issue 4, section 3), as the queue holds 4 MiB. */
const HELD_KB = 10 * 1_000;
const FLOOD = { count: 600, bytes: 100_000 };

const bridges: RunningBridge[] = [];
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  // Not SIGKILL: a server that does not read would not see the end of its input, and stay.
  await Promise.all(bridges.splice(0).map((bridge) => bridge.stop()));
});

async function start(...args: string[]): Promise<RunningBridge> {
  const bridge = await startLoadBridge({ args });
  bridges.push(bridge);
  await warm(bridge);
  return bridge;
}

const queued = async (bridge: RunningBridge): Promise<number> => (await bridge.metric("mcp_queue_bytes")) ?? 0;

/** Waits until no more is taken in: what is queued stays as it is, and is something. */
async function settled(bridge: RunningBridge): Promise<number> {
  let [before, same] = [-1, 0];
  await until("the queue has settled", async () => {
    const now = await queued(bridge);
    same = now > 0 && now === before ? same + 1 : 0;
    before = now;
    return same > 5;
  });
  return before;
}

/** Reads all; resolves with how many notifications came. */
async function notifications(response: AsyncIterable<unknown>): Promise<number> {
  const parts: Buffer[] = [];
  for await (const chunk of response) {
    parts.push(chunk as Buffer);
    if (Buffer.concat(parts.slice(-2)).includes('"text":"flooded"')) break;
  }
  return Buffer.concat(parts).toString("latin1").split("notifications/message").length - 1;
}

describe("60 MB for a client that does not read: the server is paused, and at most 10 MB are held", () => {
  /** Opens the three kinds of stream on which a call can flood. */
  const READERS = {
    "Streamable HTTP": async (bridge: RunningBridge) => {
      const session = await LoadSession.open(bridge.port);
      return () =>
        open(bridge.port, { headers: session.headers, chunks: [JSON.stringify(toolCall(9, "flood", FLOOD))] });
    },
    SSE: async (bridge: RunningBridge) => {
      const session = await LoadSse.open(bridge.port);
      return async () => {
        session.stream.pause();
        session.stream.removeAllListeners("data");
        await session.post([JSON.stringify(toolCall(9, "flood", FLOOD))]);
        return session.stream;
      };
    },
    "2026-07-28": async (bridge: RunningBridge) => {
      const { message, headers } = requestOf(
        "tools/call",
        { name: "flood", arguments: FLOOD },
        { capabilities: { sampling: {} }, logLevel: "info" },
      );
      return () => open(bridge.port, { headers, chunks: [JSON.stringify(message)] });
    },
  };

  test.each(Object.entries(READERS))("over %s", async (_name, prepare) => {
    const bridge = await start();
    // Once with a reader: code and heap are what they are after such a flood.
    expect(await notifications(await (await prepare(bridge))())).toBe(FLOOD.count);
    const stalled = await prepare(bridge);
    const before = usage(bridge.process.pid).privateKb;
    const response = await stalled();
    response.pause();
    const bytes = await settled(bridge);
    const held = usage(bridge.process.pid).privateKb - before;
    console.log(`a stalled reader: ${(bytes / MIB).toFixed(1)} MiB queued, ${Math.round(held / 1_024)} MiB more held`);
    expect(bytes).toBeLessThan(5 * MIB);
    expect(held).toBeLessThan(HELD_KB);
    expect(await notifications(response)).toBe(FLOOD.count);
    await until("nothing is queued", async () => (await queued(bridge)) === 0);
  });
});

test("what a client has left unread does not outlive its session for long", async () => {
  const bridge = await start();
  const session = await LoadSession.open(bridge.port);
  const descriptors = (): number => usage(bridge.process.pid).descriptors;
  const response = await open(bridge.port, {
    headers: session.headers,
    chunks: [JSON.stringify(toolCall(9, "big", { bytes: 40_000_000 }))],
  });
  response.pause();
  await settled(bridge);
  const cut = new Promise((resolve) => response.once("error", resolve));
  await session.delete();
  await until("the spare alone is left", () => bridge.descendants() === 1);
  const before = descriptors();
  await until("its connection is gone", () => descriptors() < before);
  response.resume();
  expect(await cut).toMatchObject({ code: "ECONNRESET" });
});

test("a server that floods while nobody is there to read: only so much is kept, and the bridge goes on", async () => {
  const bridge = await start();
  const session = await LoadSession.open(bridge.port);
  await session.text("echo", { text: "" });
  const before = await heldBytes(bridge);
  const response = await open(bridge.port, {
    headers: session.headers,
    chunks: [JSON.stringify(toolCall(1_000, "flood", { count: 100_000, bytes: 200 }))],
  });
  response.request.destroy();
  await until("it has all been taken", async () => (await bridge.metric("mcp_requests_in_flight")) === 0);
  const held = (await heldBytes(bridge)) - before;
  console.log(`100,000 events for nobody: ${(held / MIB).toFixed(1)} MiB more held`);
  // What nobody has received is kept up to twice --max-queue-bytes (8 MiB), which is as much again in objects.
  expect(held).toBeLessThan(24 * MIB);
  expect(await session.text("echo", { text: "still here" })).toBe("still here");
});

test("a server that asks without end and does not read what it is told is not listened to", async () => {
  const bridge = await start("--max-queue-bytes", "256KiB", "--strip-client-capability", "roots");
  const session = await LoadSession.open(bridge.port);
  const asked = await open(bridge.port, {
    headers: session.headers,
    chunks: [JSON.stringify(toolCall(1, "nag", { count: 200_000 }))],
  });
  const bytes = await settled(bridge);
  expect(bytes).toBeLessThan(512 * 1_024);
  // It gets no more work either, and says so instead of hanging.
  const refused = await session.post(toolCall(2, "echo", {}));
  expect([refused.status, refused.headers["retry-after"]]).toEqual([503, "1"]);
  asked.request.destroy();
  expect((await session.delete()).status).toBe(200);
  await until("the spare alone is left", () => bridge.descendants() === 1);
});

test.each([
  ["Streamable HTTP", (port: number) => LoadSession.open(port)],
  ["2026-07-28", async (port: number) => new LoadSessionless(port)],
])("a server that does not read its input, over %s: 503 once the queue is full", async (_name, connect) => {
  const bridge = await start("--max-queue-bytes", "1MiB", "--request-timeout", "3s");
  const caller = await connect(bridge.port);
  await caller.call("deaf");
  const calls: Promise<string[]>[] = [];
  for (let i = 0; i < 60; i++) calls.push(caller.call("echo", { text: "x".repeat(100_000) }, 100 + i));
  const errors = (await Promise.all(calls)).map(([data]) => JSON.parse(data ?? "{}").error.message as string);
  const refused = errors.filter((message) => message.startsWith("the server does not take its input"));
  const timedOut = errors.filter((message) => message.includes("no answer within 3000 ms"));
  expect(refused.length + timedOut.length).toBe(60);
  // 1 MiB of bodies of 100 kB, and what the pipe itself takes.
  expect(timedOut.length).toBeGreaterThan(10);
  expect(timedOut.length).toBeLessThan(20);
});

test("a client that pipelines without reading is not read on", async () => {
  const bridge = await start("--max-in-flight", "16");
  const session = await LoadSession.open(bridge.port);
  const before = await heldBytes(bridge);
  const socket = connect(bridge.port, "127.0.0.1");
  sockets.push(socket);
  socket.pause();
  let id = 1_000;
  const body = (): string => JSON.stringify(toolCall(id++, "echo", { text: "x".repeat(10_000) }));
  const head = Object.entries({ host: "localhost", ...session.headers }).map(([name, value]) => `${name}: ${value}`);
  let written = 0;
  let stuck = false;
  while (!stuck && written < 60 * MIB) {
    const text = body();
    const request = `POST /mcp HTTP/1.1\r\n${head.join("\r\n")}\r\ncontent-length: ${text.length}\r\n\r\n${text}`;
    written += request.length;
    if (socket.write(request)) continue;
    stuck = !(await Promise.race([
      new Promise<boolean>((resolve) => socket.once("drain", () => resolve(true))),
      new Promise<boolean>((resolve) => setTimeout(resolve, 2_000, false)),
    ]));
  }
  const held = (await heldBytes(bridge)) - before;
  console.log(
    `a pipelining client: stopped after ${(written / MIB).toFixed(1)} MiB, ${(held / MIB).toFixed(1)} MiB held`,
  );
  expect(stuck).toBe(true);
  expect(held).toBeLessThan(10 * MIB);
  socket.destroy();
  await until("nothing is in flight", async () => (await bridge.metric("mcp_requests_in_flight")) === 0);
  expect(await session.text("echo", { text: "still here" })).toBe("still here");
});
