import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { readMessage } from "../src/envelope.ts";
import { Policy } from "../src/policy.ts";
import { type RunningBridge, startBridge } from "./fixtures/bridge.ts";
import { openSession, SseSession } from "./fixtures/http-client.ts";
import { call, request } from "./fixtures/sessionless-client.ts";

// Real processes on a shared machine: generous, and never part of an assertion.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let bridge: RunningBridge;
beforeAll(async () => {
  bridge = await startBridge({ args: ["--denied-tool", "pid"], env: {} });
});
afterAll(() => bridge.stop());

const refusal = { code: -32602, message: 'tool "pid" is not allowed here' };
const names = (message: { result: { tools: { name: string }[] } }): string[] =>
  message.result.tools.map(({ name }) => name);

test("by session: what is denied is neither listed nor called, all else is", async () => {
  for (const version of ["2025-03-26", "2025-06-18", "2025-11-25"]) {
    const session = await openSession(bridge.url, version);
    const listed = names((await session.request("tools/list")).messages.at(-1));
    expect(listed).not.toContain("pid");
    expect(listed).toContain("echo");
    const refused = await session.request("tools/call", { name: "pid", arguments: {} });
    expect([refused.status, refused.messages.at(-1).error]).toEqual([200, refusal]);
    expect(await session.call("echo", { text: "allowed" })).toBe("allowed");
    await session.delete();
  }
});

test("in a batch of 2025-03-26 only the denied call is refused", async () => {
  const session = await openSession(bridge.url, "2025-03-26");
  const one = { jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "pid", arguments: {} } };
  const two = { jsonrpc: "2.0", id: 2, method: "tools/call", params: { name: "echo", arguments: { text: "hi" } } };
  const { messages } = await session.post([one, two]);
  const answers = messages.flat();
  expect(answers.find(({ id }) => id === 1).error).toEqual(refusal);
  expect(answers.find(({ id }) => id === 2).result.content[0].text).toBe("hi");
  await session.delete();
});

test("over SSE", async () => {
  const sse = await SseSession.open(bridge.url);
  await sse.post({ jsonrpc: "2.0", id: 1, method: "tools/list" });
  expect(names(await sse.reader.message())).not.toContain("pid");
  await sse.post({ jsonrpc: "2.0", id: 2, method: "tools/call", params: { name: "pid" } });
  expect((await sse.reader.message()).error).toEqual(refusal);
  expect(await sse.call("echo", { text: "allowed" })).toBe("allowed");
  sse.close();
});

test("without sessions (2026-07-28)", async () => {
  const listed = names((await request(bridge.url, "tools/list")).messages.at(-1));
  expect(listed).not.toContain("pid");
  expect(listed).toContain("echo");
  expect((await call(bridge.url, "pid")).error).toEqual(refusal);
  expect((await call(bridge.url, "echo", { text: "allowed" })).result.content[0].text).toBe("allowed");
});

test("a name written twice, in another case or escaped cannot slip through", async () => {
  const session = await openSession(bridge.url);
  for (const params of ['{"name":"echo","name":"pid"}', '{"name":"echo","Name":"pid"}', '{"n\\u0061me":"pid"}', "{}"]) {
    const { messages } = await session.post(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${params}}`);
    expect([params, messages.at(-1).error.code]).toEqual([params, -32602]);
  }
  await session.delete();
});

test("the deny-list wins over the allow-list", () => {
  const policy = new Policy({ allowedTool: ["a", "b"], deniedTool: ["b"], stripClientCapability: [] });
  const refused = (tool: string): string | undefined => {
    const message = readMessage(
      Buffer.from(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"${tool}"}}`),
    );
    if (!message.ok) throw new Error(message.message);
    return policy.refusedCall(message.value);
  };
  expect(refused("a")).toBeUndefined();
  expect(refused("b")).toBe('tool "b" is not allowed here; allowed: a');
  expect(refused("c")).toBe('tool "c" is not allowed here; allowed: a');
  const list = readMessage(
    Buffer.from('{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a"},{"name":"b"},{"name":"c"},{}]}}'),
  );
  if (!list.ok) throw new Error(list.message);
  expect(policy.listedTools(list.value).toString()).toBe('{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"a"}]}}');
});
