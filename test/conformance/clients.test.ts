import {
  Client as ClientV2,
  StreamableHTTPClientTransport as HttpV2,
  SSEClientTransport as SseV2,
} from "@modelcontextprotocol/client";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport as SseV1 } from "@modelcontextprotocol/sdk/client/sse.js";
import { StreamableHTTPClientTransport as HttpV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { CreateMessageRequestSchema, ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RunningBridge, startBridge, until } from "../../images/bridge/test/fixtures/bridge.ts";
import { FIXTURE_COMMAND, MODERN_COMMAND } from "./fixture/command.ts";
import { TOOLS } from "./fixture/tools.ts";

/** What both generations can do, so that one journey serves all. */
interface Driver {
  tools(): Promise<string[]>;
  call(name: string, args?: Record<string, unknown>, onProgress?: (progress: number) => void): Promise<unknown>;
  prompt(name: string, args: Record<string, string>): Promise<unknown>;
  resource(uri: string): Promise<unknown>;
  /** 2026-07-28 has none. */
  ping?(): Promise<unknown>;
  /** The revision that was agreed on. */
  version(): string | undefined;
  close(): Promise<void>;
}

type Connect = (base: string, name: string) => Promise<Driver>;

const capabilities = { sampling: {}, elicitation: {} };
const sampled = (name: string) => ({
  role: "assistant" as const,
  model: "none",
  content: { type: "text" as const, text: `for ${name}` },
});
const elicited = (name: string) => ({ action: "accept" as const, content: { username: name, email: "x@example.com" } });

function v1(transport: (base: string) => HttpV1 | SseV1): Connect {
  return async (base, name) => {
    const client = new ClientV1({ name, version: "1.0.0" }, { capabilities });
    client.setRequestHandler(CreateMessageRequestSchema, () => sampled(name));
    client.setRequestHandler(ElicitRequestSchema, () => elicited(name));
    const connection = transport(base);
    // The SDK's own types disagree under exactOptionalPropertyTypes.
    await client.connect(connection as Parameters<typeof client.connect>[0]);
    return {
      tools: async () => (await client.listTools()).tools.map((tool) => tool.name),
      call: async (tool, args = {}, onProgress) =>
        (
          await client.callTool({ name: tool, arguments: args }, undefined, {
            onprogress: ({ progress }) => onProgress?.(progress),
          })
        ).content,
      prompt: async (prompt, args) => (await client.getPrompt({ name: prompt, arguments: args })).messages,
      resource: async (uri) => (await client.readResource({ uri })).contents,
      ping: () => client.ping(),
      version: () => (connection instanceof HttpV1 ? connection.protocolVersion : undefined),
      close: async () => {
        if (connection instanceof HttpV1) await connection.terminateSession();
        await client.close();
      },
    };
  };
}

type Mode = "legacy" | "auto" | { readonly pin: string };

function v2(transport: (base: string) => HttpV2 | SseV2, mode: Mode): Connect {
  return async (base, name) => {
    const client = new ClientV2({ name, version: "1.0.0" }, { capabilities, versionNegotiation: { mode } });
    client.setRequestHandler("sampling/createMessage", () => sampled(name));
    client.setRequestHandler("elicitation/create", () => elicited(name));
    const connection = transport(base);
    await client.connect(connection);
    return {
      tools: async () => (await client.listTools()).tools.map((tool) => tool.name),
      call: async (tool, args = {}, onProgress) =>
        (
          await client.callTool(
            { name: tool, arguments: args },
            { onprogress: ({ progress }) => onProgress?.(progress) },
          )
        ).content,
      prompt: async (prompt, args) => (await client.getPrompt({ name: prompt, arguments: args })).messages,
      resource: async (uri) => (await client.readResource({ uri })).contents,
      ...(mode === "legacy" ? { ping: () => client.ping() } : {}),
      version: () => client.getNegotiatedProtocolVersion(),
      close: async () => {
        if (connection instanceof HttpV2) await connection.terminateSession();
        await client.close();
      },
    };
  };
}

const CLIENTS: Readonly<Record<string, Connect>> = {
  "v1 over Streamable HTTP": v1((base) => new HttpV1(new URL(`${base}/mcp`))),
  "v1 over SSE": v1((base) => new SseV1(new URL(`${base}/sse`))),
  "v2 over Streamable HTTP": v2((base) => new HttpV2(new URL(`${base}/mcp`)), "legacy"),
  "v2 over Streamable HTTP, auto mode": v2((base) => new HttpV2(new URL(`${base}/mcp`)), "auto"),
  "v2 over Streamable HTTP, pinned to 2026-07-28": v2((base) => new HttpV2(new URL(`${base}/mcp`)), {
    pin: "2026-07-28",
  }),
  "v2 over SSE": v2((base) => new SseV2(new URL(`${base}/sse`)), "legacy"),
};

/** All that a client does with a server, in both directions; answers carry its name, so that a mix-up shows. */
async function journey(connect: Connect, base: string, name: string): Promise<void> {
  const client = await connect(base, name);
  expect(await client.tools()).toEqual(TOOLS.map((tool) => tool.name));
  expect(await client.call("test_simple_text")).toEqual([
    { type: "text", text: "This is a simple text response for testing." },
  ]);
  expect(await client.call("test_sampling", { prompt: "hello" })).toEqual([
    { type: "text", text: `LLM response: for ${name}` },
  ]);
  const content = JSON.stringify({ username: name, email: "x@example.com" });
  expect(await client.call("test_elicitation", { message: "who?" })).toEqual([
    { type: "text", text: `User response: action=accept, content=${content}` },
  ]);
  const progress: number[] = [];
  await client.call("test_tool_with_progress", {}, (step) => progress.push(step));
  expect(progress).toEqual([0, 50, 100]);
  expect(await client.prompt("test_prompt_with_arguments", { arg1: name, arg2: "b" })).toEqual([
    { role: "user", content: { type: "text", text: `Prompt with arguments: arg1='${name}', arg2='b'` } },
  ]);
  expect(await client.resource("test://template/123/data")).toMatchObject([{ uri: "test://template/123/data" }]);
  await client.ping?.();
  await client.close();
}

let bridge: RunningBridge;

describe.each([
  { era: "2025-11-25", command: FIXTURE_COMMAND },
  { era: "2026-07-28", command: MODERN_COMMAND },
])("official clients, in front of a server of $era", ({ command }) => {
  beforeAll(async () => {
    // What serves 2026-07-28 is kept until it is idle.
    bridge = await startBridge({ command, args: ["--idle-timeout", "3s"] });
  });
  afterAll(() => bridge.stop());

  test.each(Object.keys(CLIENTS))("%s: one client", async (kind) => {
    await journey(CLIENTS[kind] as Connect, bridge.url, kind);
    await until("its session has ended", async () => (await bridge.metric("mcp_active_sessions")) === 0);
  });

  test.each([
    ["v1 over Streamable HTTP", "2025-11-25"],
    ["v2 over Streamable HTTP", "2025-11-25"],
    ["v2 over Streamable HTTP, auto mode", "2026-07-28"],
    ["v2 over Streamable HTTP, pinned to 2026-07-28", "2026-07-28"],
  ])("%s speaks %s", async (kind, version) => {
    const client = await (CLIENTS[kind] as Connect)(bridge.url, kind);
    expect(client.version()).toBe(version);
    await client.close();
  });

  test("ten clients at once, both generations, both transports: nothing is mixed", async () => {
    const kinds = Object.keys(CLIENTS);
    const ten = Array.from({ length: 10 }, (_, i) => kinds[i % kinds.length] ?? "");
    await Promise.all(ten.map((kind, i) => journey(CLIENTS[kind] as Connect, bridge.url, `client-${i}`)));
    await until("the spare alone is left", () => bridge.descendants() === 1);
    expect(await bridge.metric("mcp_child_restarts_total")).toBe(0);
  });
});
