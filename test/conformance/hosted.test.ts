import { fileURLToPath } from "node:url";
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as HttpV2,
  SSEClientTransport as SseV2,
} from "@modelcontextprotocol/client";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport as SseV1 } from "@modelcontextprotocol/sdk/client/sse.js";
import { StreamableHTTPClientTransport as HttpV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ElicitRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningBridge, startBridge, until } from "../../images/bridge/test/fixtures/bridge.ts";

let bridge: RunningBridge;
beforeAll(async () => {
  const program = fileURLToPath(new URL("../../images/bridge/test/fixtures/hosted-program.ts", import.meta.url));
  bridge = await startBridge({ program, args: ["--idle-timeout", "2s"] });
});
afterAll(() => bridge.stop());

type Call = (name: string, args?: Record<string, unknown>, onProgress?: (progress: number) => void) => Promise<unknown>;

interface Driver {
  readonly call: Call;
  readonly close: () => Promise<void>;
}

const capabilities = { elicitation: {} };
const elicited = (name: string) => ({ action: "accept" as const, content: { name } });

async function v1(name: string, transport: HttpV1 | SseV1): Promise<Driver> {
  const client = new ClientV1({ name, version: "1.0.0" }, { capabilities });
  client.setRequestHandler(ElicitRequestSchema, () => elicited(name));
  // The SDK's own types disagree under exactOptionalPropertyTypes.
  await client.connect(transport as Parameters<typeof client.connect>[0]);
  const call: Call = async (tool, args = {}, onProgress) => {
    const onprogress = ({ progress }: { progress: number }) => onProgress?.(progress);
    return (await client.callTool({ name: tool, arguments: args }, undefined, { onprogress })).content;
  };
  const close = async () => {
    if (transport instanceof HttpV1) await transport.terminateSession();
    await client.close();
  };
  return { call, close };
}

async function v2(name: string, transport: HttpV2 | SseV2, mode: "legacy" | { pin: string }): Promise<Driver> {
  const client = new ClientV2({ name, version: "1.0.0" }, { capabilities, versionNegotiation: { mode } });
  client.setRequestHandler("elicitation/create", () => elicited(name));
  await client.connect(transport);
  const call: Call = async (tool, args = {}, onProgress) => {
    const onprogress = ({ progress }: { progress: number }) => onProgress?.(progress);
    return (await client.callTool({ name: tool, arguments: args }, { onprogress })).content;
  };
  const close = async () => {
    if (transport instanceof HttpV2) await transport.terminateSession();
    await client.close();
  };
  return { call, close };
}

const CLIENTS: Readonly<Record<string, (name: string) => Promise<Driver>>> = {
  "v1 over Streamable HTTP": (name) => v1(name, new HttpV1(new URL(`${bridge.url}/mcp`))),
  "v1 over SSE": (name) => v1(name, new SseV1(new URL(`${bridge.url}/sse`))),
  "v2 over Streamable HTTP": (name) => v2(name, new HttpV2(new URL(`${bridge.url}/mcp`)), "legacy"),
  "v2 over SSE": (name) => v2(name, new SseV2(new URL(`${bridge.url}/sse`)), "legacy"),
  "v2 in 2026-07-28": (name) => v2(name, new HttpV2(new URL(`${bridge.url}/mcp`)), { pin: "2026-07-28" }),
};

/** Calls, progress, and a question in mid-call; the answers carry the client's name, so that a mix-up shows. */
async function journey(open: (name: string) => Promise<Driver>, name: string): Promise<void> {
  const { call, close } = await open(name);
  expect(await call("echo", { value: name })).toEqual([{ type: "text", text: JSON.stringify(name) }]);
  const answer = JSON.stringify(elicited(name));
  expect(await call("ask")).toEqual([{ type: "text", text: answer }]);
  const steps: number[] = [];
  await call("progress", {}, (progress) => steps.push(progress));
  expect(steps).toEqual([1, 2]);
  await close();
}

test.each(Object.entries(CLIENTS))("a server hosted in process and a client, %s", async (kind, open) => {
  await journey(open, kind);
  await until("its session has ended", async () => (await bridge.metric("mcp_active_sessions")) === 0);
});

test("twenty clients at once, of every kind: nothing is mixed, and every server ends", async () => {
  const kinds = Object.values(CLIENTS);
  const open = (i: number) => kinds[i % kinds.length] as (name: string) => Promise<Driver>;
  await Promise.all(Array.from({ length: 20 }, (_, i) => journey(open(i), `client-${i}`)));
  await until("the server that health asks is left", async () => (await bridge.metric("mcp_child_processes")) === 1);
  expect(await bridge.metric("mcp_child_restarts_total")).toBe(0);
});
