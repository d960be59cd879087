import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type BridgeSetup, type RunningBridge, startBridge, until } from "./fixtures/bridge.ts";
import { type HttpSession, initialize, openSession, SseSession, STREAMABLE } from "./fixtures/http-client.ts";
import { textOf } from "./fixtures/sessionless-client.ts";

// Real processes on a shared machine: generous, and never part of an assertion.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const bridges: RunningBridge[] = [];
afterEach(async () => {
  await Promise.all(bridges.splice(0).map((bridge) => bridge.stop("SIGKILL")));
});

async function start(setup: BridgeSetup = {}): Promise<RunningBridge> {
  const bridge = await startBridge({ ...setup, args: ["--child-mode", "shared", ...(setup.args ?? [])] });
  bridges.push(bridge);
  return bridge;
}

const callMessage = (id: number, name: string, args: object, meta: object = {}): object => ({
  jsonrpc: "2.0",
  id,
  method: "tools/call",
  params: { name, arguments: args, _meta: meta },
});
const healthOf = async (bridge: RunningBridge): Promise<string> =>
  ((await (await fetch(`${bridge.url}/health`)).json()) as { status: string }).status;

/** A call whose answer is not read until `read` is called; it resolves with the number of bytes that came. */
async function unread(session: HttpSession, message: object): Promise<{ read(): Promise<number> }> {
  const { hostname, port } = new URL(session.url);
  const headers = { ...STREAMABLE, ...session.headers };
  const request = httpRequest({ hostname, port, path: "/mcp", method: "POST", headers, agent: false });
  request.end(JSON.stringify(message));
  const response = await new Promise<import("node:http").IncomingMessage>((resolve, reject) => {
    request.once("response", resolve);
    request.once("error", reject);
  });
  response.pause();
  return {
    read: () =>
      new Promise((resolve) => {
        let bytes = 0;
        response.on("data", (chunk: Buffer) => {
          bytes += chunk.length;
        });
        response.on("error", () => {});
        response.once("close", () => resolve(bytes));
        response.resume();
      }),
  };
}

describe("starting", () => {
  test("sessions that open while the server starts share one start; without warm children there is none before", async () => {
    const bridge = await start({ args: ["--warm-children", "0"] });
    expect(bridge.descendants()).toBe(0);
    const sessions = await Promise.all(Array.from({ length: 10 }, () => openSession(bridge.url)));
    const history = JSON.parse(await (sessions[0] as HttpSession).call("history")) as string[];
    expect(history.filter((method) => method === "initialize").length).toBe(1);
    expect(bridge.descendants()).toBe(1);
  });

  test("without warm children the server ends when nobody used it for the idle time, and comes back when asked", async () => {
    const bridge = await start({ args: ["--warm-children", "0", "--idle-timeout", "400ms"] });
    const session = await openSession(bridge.url);
    const pid = await session.call("pid");
    await session.delete();
    await until("it ended", () => bridge.descendants() === 0);
    expect(await bridge.metric("mcp_child_restarts_total")).toBe(0);
    expect(await textOf(bridge.url, "pid")).not.toBe(pid);
    await until("it ended again", () => bridge.descendants() === 0);
  });

  test("with a warm child it is there in advance, and stays", async () => {
    const bridge = await start({ args: ["--idle-timeout", "200ms"] });
    await until("it has started", () => bridge.descendants() === 1);
    const session = await openSession(bridge.url);
    const pid = await session.call("pid");
    await session.delete();
    await new Promise((resolve) => setTimeout(resolve, 800));
    expect(await (await openSession(bridge.url)).call("pid")).toBe(pid);
  });

  test("a server that refuses initialize: 503 that says so, and health turns red", async () => {
    const script =
      'process.stdin.on("data", (d) => { const { id } = JSON.parse(String(d).split("\\n")[0]); ' +
      'console.log(JSON.stringify({ jsonrpc: "2.0", id, error: { code: -32602, message: "not you" } })); })';
    const bridge = await start({ command: [process.execPath, "-e", script], args: ["--warm-children", "0"] });
    const refused = await initialize(bridge.url);
    expect([refused.status, refused.messages[0].error.message]).toEqual([
      503,
      "the server refused initialize: not you",
    ]);
    const held = await initialize(bridge.url);
    expect([held.status, held.messages[0].error.message]).toEqual([
      503,
      "the server could not be initialised; it is tried again later",
    ]);
    await until("it has been ended", () => bridge.descendants() === 0);
    await until("health is red", async () => (await healthOf(bridge)) === "failing");
  });
});

describe("a crash", () => {
  test("every request of every session gets an error, all sessions are gone, the next one works", async () => {
    const bridge = await start();
    const [a, b, sse] = await Promise.all([
      openSession(bridge.url),
      openSession(bridge.url),
      SseSession.open(bridge.url),
    ]);
    const pid = await a.call("pid");
    const waiting = [a, b].map((session) => session.post(callMessage(1, "sleep", { ms: 60_000 })));
    await sse.post(callMessage(1, "sleep", { ms: 60_000 }));
    await until("all are in flight", async () => (await bridge.metric("mcp_requests_in_flight")) === 3);
    const error = { code: -32000, message: "the server process exited with code 7" };
    const crash = await b.request("tools/call", { name: "crash" });
    expect(crash.messages[0].error).toEqual(error);
    expect((await Promise.all(waiting)).map(({ messages }) => messages)).toEqual(
      Array(2).fill([{ jsonrpc: "2.0", id: 1, error }]),
    );
    expect(await sse.reader.rest()).toEqual([{ jsonrpc: "2.0", id: 1, error }]);
    expect([(await a.request("ping")).status, (await b.request("ping")).status]).toEqual([404, 404]);
    const next = await openSession(bridge.url);
    expect(await next.call("pid")).not.toBe(pid);
    expect(bridge.descendants()).toBe(1);
    expect(await bridge.metric("mcp_child_restarts_total")).toBe(1);
  });

  test("a crash loop is slowed down and turns health red; once the server can start, all is well by itself", async () => {
    const folder = mkdtempSync(join(tmpdir(), "bridge-shared-"));
    try {
      const flag = join(folder, "repaired");
      const fixture = fileURLToPath(new URL("fixtures/stdio-server.ts", import.meta.url));
      const script = `test -e ${flag} || exit 3; exec ${process.execPath} ${fixture}`;
      const bridge = await start({ command: ["/bin/sh", "-c", script] });
      await until("health is red", async () => (await healthOf(bridge)) === "failing");
      await until("starts are held back for more than a second", () =>
        bridge.log.some(({ event, retryInMs }) => event === "child_exit" && Number(retryInMs) >= 2_000),
      );
      const refused = await initialize(bridge.url);
      expect(refused.status).toBe(503);
      expect(Number(refused.headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
      const delays = bridge.log.filter(({ event }) => event === "child_exit").map(({ retryInMs }) => Number(retryInMs));
      expect(delays.map((delay) => Math.round(delay / 50) * 50).slice(0, 5)).toEqual([0, 250, 500, 1_000, 2_000]);
      writeFileSync(flag, "");
      await until("health is green", async () => (await healthOf(bridge)) === "ok");
      expect(await (await openSession(bridge.url)).call("echo", { text: "back" })).toBe("back");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("junk on stdout is counted and not fatal; a line over the limit ends the server for all", async () => {
    const bridge = await start({ args: ["--max-message-bytes", "64KiB"] });
    const [a, b] = await Promise.all([openSession(bridge.url), openSession(bridge.url)]);
    expect(await a.call("junk")).toBe("after the junk");
    expect(await bridge.metric('mcp_failures_total{cause="child_junk"}')).toBe(3);
    const { messages } = await a.request("tools/call", { name: "big", arguments: { bytes: 200_000 } });
    expect(messages[0].error).toEqual({ code: -32000, message: "the server process was killed by SIGKILL" });
    expect((await b.request("ping")).status).toBe(404);
    expect(await (await openSession(bridge.url)).call("echo", { text: "again" })).toBe("again");
  });

  test("a server that answers nothing any more is replaced, once nobody can wait for it", async () => {
    const bridge = await start({ args: ["--request-timeout", "2s"] });
    const session = await openSession(bridge.url);
    const pid = await session.call("pid");
    const { messages } = await session.request("tools/call", { name: "block", arguments: { ms: 600_000 } });
    expect(messages[0].error.code).toBe(-32001);
    await until("it is replaced", async () => {
      await healthOf(bridge);
      return bridge.log.some(({ event }) => event === "shared_server_silent");
    });
    expect((await session.request("ping")).status).toBe(404);
    expect(await (await openSession(bridge.url)).call("pid")).not.toBe(pid);
    await until("the old one is gone", () => bridge.descendants() === 1);
  });
});

describe("one session does not hold up the others", () => {
  const SMALL = ["--max-queue-bytes", "1MiB"];

  test("one large answer that is not read delays nobody, and is all there in the end", async () => {
    const bridge = await start({ args: SMALL });
    const [slow, other] = await Promise.all([openSession(bridge.url), openSession(bridge.url)]);
    const answer = await unread(slow, callMessage(1, "big", { bytes: 20_000_000 }));
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect(await other.call("echo", { text: "not delayed" })).toBe("not delayed");
    expect(await answer.read()).toBeGreaterThan(20_000_000);
    expect(await slow.call("echo", { text: "still there" })).toBe("still there");
  });

  test("a flood that is not read: that session ends, the others and the server go on, memory stays bounded", async () => {
    const bridge = await start({ args: SMALL });
    const [slow, other] = await Promise.all([openSession(bridge.url), openSession(bridge.url)]);
    const pid = await other.call("pid");
    const flood = { steps: 2_000, bytes: 50_000 };
    await unread(slow, callMessage(1, "progress", flood, { progressToken: "t" }));
    await until("the slow one is gone", async () => (await slow.request("ping")).status === 404);
    expect(await other.call("pid")).toBe(pid);
    const ended = bridge.log.find(({ event, reason }) => event === "session_end" && String(reason).includes("held up"));
    expect(ended?.reason).toBe("the server process is needed by others, whom this client held up by not reading");
    expect(await bridge.metric("mcp_queue_bytes")).toBeLessThan(3_000_000);
  });

  test("a flood that is read gets through, whole and in order, however much it is", async () => {
    const bridge = await start({ args: SMALL });
    const session = await openSession(bridge.url);
    const flood = { steps: 400, bytes: 50_000 };
    const { messages } = await session.post(callMessage(1, "progress", flood, { progressToken: "t" }));
    const steps = messages.slice(0, -1).map(({ params }) => params.progress);
    expect(steps).toEqual(Array.from({ length: 400 }, (_, i) => i + 1));
  });

  test("who sends more than the server reads gets 503; the others get their turn", async () => {
    const bridge = await start({ args: SMALL });
    const [flooding, other] = await Promise.all([openSession(bridge.url), openSession(bridge.url)]);
    const blocked = other.call("block", { ms: 2_000 });
    await until("it is in flight", async () => (await bridge.metric("mcp_requests_in_flight")) === 1);
    const text = "x".repeat(200_000);
    const statuses: number[] = [];
    const flood = Array.from({ length: 20 }, (_, i) =>
      flooding.post(callMessage(i, "echo", { text })).then(({ status }) => statuses.push(status)),
    );
    await until("some are refused", () => statuses.includes(503));
    expect((await other.request("ping")).status).toBe(200);
    expect(await blocked).toBe("blocked 2000");
    await Promise.all(flood);
    expect(new Set(statuses)).toEqual(new Set([200, 503]));
    expect(await flooding.call("echo", { text: "again" })).toBe("again");
  });
});

test("SIGTERM: requests in flight are answered, then all is gone", async () => {
  const bridge = await start();
  const [a, b] = await Promise.all([openSession(bridge.url), openSession(bridge.url)]);
  const waiting = [a, b].map((session) => session.call("sleep", { ms: 500 }));
  await until("they are in flight", async () => (await bridge.metric("mcp_requests_in_flight")) === 2);
  const exit = bridge.stop();
  expect(await Promise.all(waiting)).toEqual(["slept 500", "slept 500"]);
  expect(await exit).toBe(0);
  expect(bridge.descendants()).toBe(0);
});
