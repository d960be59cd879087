import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type RunningBridge, startBridge, until } from "./fixtures/bridge.ts";
import { initialize, openSession, SseSession, send } from "./fixtures/http-client.ts";

// Real processes on a shared machine: generous, and never part of an assertion.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let bridge: RunningBridge;
beforeAll(async () => {
  bridge = await startBridge({
    args: [
      "--max-sessions",
      "2",
      "--max-in-flight",
      "3",
      "--allowed-tool",
      "sleep,echo",
      "--allowed-tool",
      "capabilities",
    ],
    env: { MCP_STRIP_CLIENT_CAPABILITIES: "roots", MCP_AUTH_UNUSED: "secret" },
  });
});
afterAll(() => bridge.stop());

test("over the cap of sessions: 503 with Retry-After, on both transports; room again after DELETE", async () => {
  const sessions = [await openSession(bridge.url), await openSession(bridge.url)];
  for (const refused of [await initialize(bridge.url), await send(`${bridge.url}/sse`, "GET")]) {
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "5"]);
    expect(refused.messages[0].error.message).toBe("over 2 sessions (--max-sessions); end one or try again later");
  }
  await sessions[0]?.delete();
  const again = await openSession(bridge.url);
  await Promise.all([again.delete(), sessions[1]?.delete()]);
});

test("over the cap of requests in flight: 429 with Retry-After; the others are answered", async () => {
  const session = await openSession(bridge.url);
  const slow = [1, 2, 3].map(() => session.call("sleep", { ms: 1_500 }));
  await until("three are in flight", async () => (await bridge.metric("mcp_requests_in_flight")) === 3);
  const refused = await session.request("ping");
  expect([refused.status, refused.headers.get("retry-after"), refused.messages[0].id]).toEqual([429, "1", 103]);
  expect(await Promise.all(slow)).toEqual(["slept 1500", "slept 1500", "slept 1500"]);
  expect((await session.request("ping")).status).toBe(200);
  await session.delete();
});

test("tools that are not allowed are neither listed nor called", async () => {
  const session = await openSession(bridge.url);
  const { messages } = await session.request("tools/list");
  const { tools } = messages.at(-1).result;
  expect(tools.map((tool: { name: string }) => tool.name)).toEqual(["echo", "sleep", "capabilities"]);
  expect(tools[0]).toEqual({ name: "echo", description: "a tool", inputSchema: { type: "object" }, big: 1 });
  const refused = await session.request("tools/call", { name: "pid", arguments: {} });
  expect([refused.status, refused.messages.at(-1)]).toEqual([
    200,
    {
      jsonrpc: "2.0",
      id: 101,
      error: { code: -32602, message: 'tool "pid" is not allowed here; allowed: sleep, echo, capabilities' },
    },
  ]);
  expect(await session.call("echo", { text: "allowed" })).toBe("allowed");
  await session.delete();
});

test("a tool named twice, or in another case, cannot slip through", async () => {
  const session = await openSession(bridge.url);
  for (const params of ['{"name":"echo","name":"pid"}', '{"name":"echo","Name":"pid"}', '{"n\\u0061me":"pid"}', "{}"]) {
    const { messages } = await session.post(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${params}}`);
    expect([params, messages.at(-1).error.code]).toEqual([params, -32602]);
  }
  await session.delete();
});

test("a stripped capability is gone before the server sees it, the others are not", async () => {
  const capabilities = { roots: { listChanged: true }, sampling: {}, elicitation: { form: {} } };
  const session = await openSession(bridge.url, "2025-11-25", { capabilities });
  expect(JSON.parse(await session.call("capabilities"))).toEqual({ sampling: {}, elicitation: { form: {} } });
  await session.delete();
});

test("a server that asks for stripped roots all the same gets an error, and the client nothing", async () => {
  const open = await startBridge({ args: ["--strip-client-capability", "roots"] });
  try {
    const session = await openSession(open.url);
    const { messages } = await session.request("tools/call", { name: "ask", arguments: { method: "roots/list" } });
    expect(messages.length).toBe(1);
    expect(JSON.parse(messages[0].result.content[0].text)).toEqual({
      jsonrpc: "2.0",
      id: "ask-1",
      error: { code: -32601, message: "the client does not offer roots/list" },
    });
    const sse = await SseSession.open(open.url);
    expect(JSON.parse(await sse.call("ask", { method: "roots/list" })).error.code).toBe(-32601);
    sse.close();
  } finally {
    await open.stop();
  }
});
