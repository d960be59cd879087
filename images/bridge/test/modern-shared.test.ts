import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningBridge, warm } from "./fixtures/bridge.ts";
import { openSession, SseSession } from "./fixtures/http-client.ts";
import { modernBridge } from "./fixtures/modern-bridge.ts";
import { call, request, textOf } from "./fixtures/sessionless-client.ts";

/** `--child-mode shared` in front of a server of 2026-07-28 alone: translated once, then shared as any other. */

let bridge: RunningBridge;
beforeAll(async () => {
  bridge = await modernBridge([], ["--child-mode", "shared"]);
  await warm(bridge);
});
afterAll(() => bridge.stop());

test("clients of every era are served by one process", async () => {
  const sessions = await Promise.all([openSession(bridge.url), openSession(bridge.url, "2025-03-26")]);
  const sse = await SseSession.open(bridge.url);
  const pids = await Promise.all([...sessions, sse].map((session) => session.call("pid")));
  pids.push(
    await textOf(bridge.url, "pid"),
    await textOf(bridge.url, "pid", {}, { capabilities: { elicitation: {} } }),
  );
  expect(new Set(pids).size).toBe(1);
  expect(bridge.descendants()).toBe(1);
  sse.close();
  for (const session of sessions) await session.delete();
});

test("equal ids and tokens of sessions do not mix", async () => {
  const sessions = await Promise.all(Array.from({ length: 5 }, () => openSession(bridge.url)));
  await Promise.all(
    sessions.map(async (session, i) => {
      const params = { name: "progress", arguments: { steps: 2 }, _meta: { progressToken: "same" } };
      const moved = await session.post({ jsonrpc: "2.0", id: 1, method: "tools/call", params });
      expect(moved.messages.map((message) => message.params?.progress ?? message.id)).toEqual([1, 2, 1]);
      expect(await session.call("echo", { text: `session ${i}` })).toBe(`session ${i}`);
    }),
  );
  for (const session of sessions) await session.delete();
});

test("what changes is announced to whom it concerns", async () => {
  const [one, two] = [await openSession(bridge.url), await openSession(bridge.url)];
  const [first, second] = [await one.stream(), await two.stream()];
  expect((await one.request("resources/subscribe", { uri: "r:1" })).messages.at(-1).result).toEqual({});
  await two.call("announce", { method: "notifications/resources/updated", params: { uri: "r:1" } });
  await two.call("announce", { method: "notifications/tools/list_changed" });
  const updated = { jsonrpc: "2.0", method: "notifications/resources/updated", params: { uri: "r:1" } };
  const changed = { jsonrpc: "2.0", method: "notifications/tools/list_changed", params: {} };
  expect([await first.message(), await first.message()]).toEqual([updated, changed]);
  expect(await second.message()).toEqual(changed);
  first.close();
  second.close();
  await one.delete();
  await two.delete();
});

test("errors as the client's era knows them; nobody is asked for input", async () => {
  const session = await openSession(bridge.url, "2025-11-25", { capabilities: { elicitation: {} } });
  expect((await session.request("resources/read", { uri: "r:1" })).messages.at(-1).error.code).toBe(-32002);
  expect((await request(bridge.url, "resources/read", { uri: "r:1" })).messages[0].error.code).toBe(-32602);
  const asks = { rounds: [{ a: { method: "roots/list" } }] };
  const refused = "the server asked for roots/list, which the client does not offer";
  const asked = await session.request("tools/call", { name: "ask", arguments: asks });
  expect(asked.messages.at(-1).error).toEqual({ code: -32603, message: refused });
  const answer = await call(bridge.url, "ask", asks, { capabilities: { roots: {} } });
  expect(answer.error).toEqual({ code: -32603, message: refused });
  await session.delete();
});
