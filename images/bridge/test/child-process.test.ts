import { expect, test, vi } from "vitest";
import { ChildProcess } from "../src/child-process.ts";
import { limitEvent } from "../src/log-limit.ts";
import { startBridge, until } from "./fixtures/bridge.ts";
import { initialize, send } from "./fixtures/http-client.ts";

vi.setConfig({ testTimeout: 60_000 });

const silent = { stderr: () => {}, oversized: () => {}, answered: () => {}, gone: () => {} };

test("what a server wrote before it exited arrives, although it was paused", async () => {
  const seen: string[] = [];
  const spec = {
    command: process.execPath,
    args: ["-e", 'console.log("{}")'],
    env: process.env,
    maxMessageBytes: 1_024,
  };
  const child = new ChildProcess(spec, silent);
  child.pause();
  await new Promise<void>((resolve) => {
    child.listen({
      message: (bytes) => seen.push(bytes.toString()),
      closed: ({ reason }) => {
        seen.push(reason);
        resolve();
      },
    });
  });
  expect(seen).toEqual(["{}", "exited with code 0"]);
});

test("what a server wrote before it exited arrives whole, also if it is paused meanwhile and its pipe is held open", async () => {
  const script = "sleep 30 & head -c 150000 /dev/zero | tr '\\0' x; echo; echo '{}'; exit 3";
  const spec = { command: "/bin/sh", args: ["-c", script], env: process.env, maxMessageBytes: 2 ** 20 };
  const waits: number[] = [];
  for (let round = 0; round < 5; round++) {
    const child = new ChildProcess(spec, silent);
    const seen: (number | string)[] = [];
    let last = 0;
    await new Promise<void>((resolve) => {
      child.listen({
        message: (bytes) => {
          seen.push(bytes.length);
          last = performance.now();
          child.pause();
          setImmediate(() => child.resume());
        },
        closed: ({ reason }) => {
          seen.push(reason);
          waits.push(performance.now() - last);
          resolve();
        },
      });
    });
    expect(seen).toEqual([150_000, 2, "exited with code 3"]);
  }
  // Nothing is waited for once the pipe is empty: the best of them counts, as the machine has other work to do.
  expect(Math.min(...waits)).toBeLessThan(25);
});

test("an event that a server can cause at will is logged so often a second, then it is told how many were not", () => {
  let now = 5_000;
  const lines: unknown[] = [];
  const log = limitEvent(
    (level, event, fields) => lines.push([level, event, fields]),
    "junk",
    2,
    () => now,
  );
  for (let i = 0; i < 5; i++) log("warn", "junk", { i });
  log("info", "other");
  now = 6_100;
  log("warn", "junk", { i: 5 });
  log("warn", "junk", { i: 6 });
  expect(lines).toEqual([
    ["warn", "junk", { i: 0 }],
    ["warn", "junk", { i: 1 }],
    ["info", "other", undefined],
    ["warn", "junk", { i: 5, heldBack: 3 }],
    ["warn", "junk", { i: 6 }],
  ]);
});

test("out of descriptors: sessions are refused with a cause, and opened again when there are some", async () => {
  // Few enough that a dozen sessions cannot be opened; each takes four.
  const shell = ["/bin/sh", "-c", 'ulimit -n 48; exec "$@"', "sh", process.execPath];
  const bridge = await startBridge({ shell });
  try {
    const ids: string[] = [];
    const statuses = new Set<number>();
    for (let i = 0; i < 20; i++) {
      const reply = await initialize(bridge.url);
      statuses.add(reply.status);
      const id = reply.headers.get("mcp-session-id");
      if (id !== null) ids.push(id);
    }
    expect([...statuses].sort()).toEqual([200, 503]);
    for (const id of ids) await send(`${bridge.url}/mcp`, "DELETE", undefined, { "mcp-session-id": id });
    await until("a session opens again", async () => (await initialize(bridge.url)).status === 200);
    expect(await bridge.metric('mcp_failures_total{cause="internal_error"}')).toBe(0);
  } finally {
    expect(await bridge.stop()).toBe(0);
  }
});
