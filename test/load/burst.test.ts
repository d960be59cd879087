import { Agent } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RunningBridge, until, warm } from "../../images/bridge/test/fixtures/bridge.ts";
import {
  type Caller,
  LoadSession,
  LoadSessionless,
  LoadSse,
  startLoadBridge,
} from "../../images/bridge/test/fixtures/load-client.ts";

/** How long 32 callers keep one request in flight each; the figure in the README is of 60 s. */
const SECONDS = Number(process.env.MCP_LOAD_SECONDS ?? 5);
const SESSIONS = 200;
const BURST = 1_000;

let bridge: RunningBridge;
const agent = new Agent({ keepAlive: true, maxSockets: BURST });
beforeAll(async () => {
  bridge = await startLoadBridge({ args: ["--request-timeout", "2m"] });
  await warm(bridge);
});
afterAll(async () => {
  agent.destroy();
  await bridge.stop();
});

async function onlyTheSpareIsLeft(): Promise<void> {
  await until("the spare alone is left", () => bridge.descendants() === 1);
  expect(await bridge.metric("mcp_requests_in_flight")).toBe(0);
  expect(await bridge.metric("mcp_active_sessions")).toBe(0);
  expect(await bridge.metric('mcp_failures_total{cause="late_response"}')).toBe(0);
}

const textOf = (data: string | undefined): string => JSON.parse(data ?? "{}").result?.content?.[0].text;

test(`${SESSIONS} sessions opened at once: each has a server of its own, which answers it alone, once`, async () => {
  const opened = await Promise.all(Array.from({ length: SESSIONS }, () => LoadSession.open(bridge.port, agent)));
  expect(new Set(opened.map(({ id }) => id)).size).toBe(SESSIONS);
  const pids = await Promise.all(opened.map((session) => session.text("pid")));
  expect(new Set(pids).size).toBe(SESSIONS);
  const answers = await Promise.all(opened.map((session, i) => session.call("echo", { text: `session ${i}` }, 7)));
  // The same id everywhere: only the session tells the answers apart.
  expect(answers.map((data) => data.filter((each) => each !== "").map(textOf))).toEqual(
    opened.map((_session, i) => [`session ${i}`]),
  );
  expect((await Promise.all(opened.map((session) => session.delete()))).map(({ status }) => status)).toEqual(
    Array.from({ length: SESSIONS }, () => 200),
  );
  await onlyTheSpareIsLeft();
});

describe(`${BURST} requests in one burst, answered out of order: each gets its own answer, once`, () => {
  const burst = async (caller: Caller): Promise<void> => {
    const numbers = Array.from({ length: BURST }, (_, i) => i + 1);
    const answers = await Promise.all(
      numbers.map((id) => caller.call("shuffle", { of: BURST, text: `answer to ${id}` }, id)),
    );
    expect(answers.map((data) => data.length).filter((length) => length !== 1)).toEqual([]);
    expect(answers.map(([data]) => [JSON.parse(data ?? "{}").id, textOf(data)])).toEqual(
      numbers.map((id) => [id, `answer to ${id}`]),
    );
  };

  test("in one session of Streamable HTTP", async () => {
    const session = await LoadSession.open(bridge.port, agent);
    await burst(session);
    await session.delete();
    await onlyTheSpareIsLeft();
  });

  test("in one session of SSE", async () => {
    const session = await LoadSse.open(bridge.port, agent);
    await burst(session);
    expect(session.unexpected).toEqual([]);
    session.close();
    await onlyTheSpareIsLeft();
  });

  test("without a session", () => burst(new LoadSessionless(bridge.port, agent)));
});

test(`32 × 1 in flight for ${SECONDS} s, over all transports at once: nothing lost, nothing mixed`, async () => {
  const callers: Caller[] = await Promise.all(
    Array.from({ length: 32 }, (_, i) => {
      if (i % 3 === 0) return LoadSse.open(bridge.port, agent);
      return i % 3 === 1 ? LoadSession.open(bridge.port, agent) : new LoadSessionless(bridge.port, agent);
    }),
  );
  const end = Date.now() + SECONDS * 1_000;
  const counts = await Promise.all(
    callers.map(async (caller, i) => {
      let calls = 0;
      for (; Date.now() < end; calls++) {
        const text = `caller ${i}, call ${calls}`;
        const data = await caller.call("echo", { text }, calls + 1);
        if (data.length !== 1 || textOf(data[0]) !== text) throw new Error(`${text}: ${JSON.stringify(data)}`);
      }
      return calls;
    }),
  );
  const total = counts.reduce((sum, count) => sum + count, 0);
  console.log(`32 × 1 for ${SECONDS} s: ${total} calls, ${Math.round(total / SECONDS)} a second, none lost or mixed`);
  expect(Math.min(...counts)).toBeGreaterThan(0);
  for (const caller of callers) {
    if (caller instanceof LoadSse) {
      expect(caller.unexpected).toEqual([]);
      caller.close();
    } else if (caller instanceof LoadSession) await caller.delete();
  }
  await until("no session is left", async () => (await bridge.metric("mcp_active_sessions")) === 0);
  // The shared server of the sessionless callers, and the spare.
  await until("two processes are left", () => bridge.descendants() === 2);
});
