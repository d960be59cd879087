import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import {
  Client as ClientV2,
  ClientCredentialsProvider as CredentialsV2,
  StreamableHTTPClientTransport as HttpV2,
  SSEClientTransport as SseV2,
} from "@modelcontextprotocol/client";
import { ClientCredentialsProvider as CredentialsV1 } from "@modelcontextprotocol/sdk/client/auth-extensions.js";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport as SseV1 } from "@modelcontextprotocol/sdk/client/sse.js";
import { StreamableHTTPClientTransport as HttpV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type RunningBridge, startBridge } from "./fixtures/bridge.ts";
import { CLIENTS, type OpenIdProvider, startOpenIdProvider } from "./fixtures/openid-provider.ts";

// Real processes on a shared machine: generous, and never part of an assertion.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let provider: OpenIdProvider;
let bridge: RunningBridge;
beforeAll(async () => {
  provider = await startOpenIdProvider();
  // Clients believe metadata only if it is of the very URL that they call.
  const port = await freePort();
  bridge = await startBridge({
    args: [
      ...["--port", String(port), "--oauth-issuer", provider.issuer, "--oauth-scope", "mcp:tools"],
      ...["--oauth-resource", `http://127.0.0.1:${port}/mcp`],
    ],
  });
});
afterAll(async () => {
  await bridge.stop();
  await provider.stop();
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

interface Connected {
  call(text: string): Promise<unknown>;
  close(): Promise<void>;
}

/** The bridge's URL, and name and secret of a client: all else is discovered. */
const credentials = () => ({ clientId: "alice", clientSecret: CLIENTS.alice, expectedIssuer: provider.issuer });

/** v1 takes the scope from the challenge for logins of people only; here it has to be told. */
const credentialsV1 = () => new CredentialsV1({ ...credentials(), scope: "mcp:tools" });

async function v1(transport: HttpV1 | SseV1): Promise<Connected> {
  const client = new ClientV1({ name: "v1", version: "1" });
  // The SDK's own types disagree under exactOptionalPropertyTypes.
  await client.connect(transport as Parameters<typeof client.connect>[0]);
  return {
    call: async (text) => (await client.callTool({ name: "echo", arguments: { text } })).content,
    close: () => client.close(),
  };
}

async function v2(transport: HttpV2 | SseV2, mode?: "auto" | "legacy"): Promise<Connected> {
  const options = mode === undefined ? {} : { versionNegotiation: { mode } };
  const client = new ClientV2({ name: "v2", version: "1" }, options);
  await client.connect(transport);
  return {
    call: async (text) => (await client.callTool({ name: "echo", arguments: { text } })).content,
    close: () => client.close(),
  };
}

test.each<[string, (base: string) => Promise<Connected>]>([
  ["v1 over /mcp", (base) => v1(new HttpV1(new URL(`${base}/mcp`), { authProvider: credentialsV1() }))],
  ["v1 over /sse", (base) => v1(new SseV1(new URL(`${base}/sse`), { authProvider: credentialsV1() }))],
  [
    "v2 over /mcp",
    (base) => v2(new HttpV2(new URL(`${base}/mcp`), { authProvider: new CredentialsV2(credentials()) })),
  ],
  [
    "v2 over /mcp without sessions",
    (base) => v2(new HttpV2(new URL(`${base}/mcp`), { authProvider: new CredentialsV2(credentials()) }), "auto"),
  ],
  ["v2 over /sse", (base) => v2(new SseV2(new URL(`${base}/sse`), { authProvider: new CredentialsV2(credentials()) }))],
])("the official client %s discovers the issuer, gets a token and calls", async (_name, connect) => {
  const asked = provider.asked.length;
  const client = await connect(bridge.url);
  expect(await client.call("found my way")).toEqual([{ type: "text", text: "found my way" }]);
  expect(provider.asked.slice(asked)).toContain("/token");
  await client.close();
});
