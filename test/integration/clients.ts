import {
  Client as ClientV2,
  StreamableHTTPClientTransport as HttpV2,
  SSEClientTransport as SseV2,
} from "@modelcontextprotocol/client";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { SSEClientTransport as SseV1 } from "@modelcontextprotocol/sdk/client/sse.js";
import { StreamableHTTPClientTransport as HttpV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { ListRootsRequestSchema } from "@modelcontextprotocol/sdk/types.js";
import type { Endpoint } from "../../outputs/contract.ts";

/** What the tests ask of a client, whichever SDK it is of. */
export interface TestClient {
  listTools(): Promise<{ tools: { name: string }[] }>;
  callTool(params: { name: string; arguments: Record<string, unknown> }): Promise<unknown>;
  close(): Promise<void>;
}

/** The first text of a tool's result, and whether the tool calls it an error. */
export async function callText(client: TestClient, name: string, args: Record<string, unknown>) {
  const { content, isError } = (await client.callTool({ name, arguments: args })) as {
    content: { text: string }[];
    isError?: boolean;
  };
  return { text: content[0]?.text ?? "", isError: isError ?? false };
}

const self = { name: "mcp-infrastructure-test", version: "1" };

/** Official clients by generation and transport, each with its own way in. */
export const clients: Record<string, (endpoint: Endpoint, token: string) => Promise<TestClient>> = {
  "v1 over Streamable HTTP": async (endpoint, token) => {
    const client = new ClientV1(self);
    const transport = new HttpV1(new URL(endpoint.http), { requestInit: bearer(token) });
    await client.connect(transport);
    return endingSession(client, transport);
  },
  "v1 over SSE": async (endpoint, token) => {
    const client = new ClientV1(self);
    await client.connect(
      new SseV1(new URL(endpoint.sse), { requestInit: bearer(token), eventSourceInit: bearerFetch(token) }),
    );
    return client as TestClient;
  },
  "v2 over Streamable HTTP": async (endpoint, token) => {
    const client = new ClientV2(self);
    const transport = new HttpV2(new URL(endpoint.http), { requestInit: bearer(token) });
    await client.connect(transport);
    return endingSession(client, transport);
  },
  "v2 in auto mode": async (endpoint, token) => {
    const client = new ClientV2(self, { versionNegotiation: { mode: "auto" } });
    const transport = new HttpV2(new URL(endpoint.http), { requestInit: bearer(token) });
    await client.connect(transport);
    return endingSession(client, transport);
  },
  "v2 over SSE": async (endpoint, token) => {
    const client = new ClientV2(self);
    await client.connect(
      new SseV2(new URL(endpoint.sse), { requestInit: bearer(token), eventSourceInit: bearerFetch(token) }),
    );
    return client as unknown as TestClient;
  },
};

/** A client that offers folders of its own choice as its roots. */
export async function clientWithRoots(endpoint: Endpoint, token: string, uris: readonly string[]): Promise<TestClient> {
  const client = new ClientV1(self, { capabilities: { roots: { listChanged: true } } });
  client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: uris.map((uri) => ({ uri })) }));
  const transport = new HttpV1(new URL(endpoint.http), { requestInit: bearer(token) });
  await client.connect(transport);
  await client.sendRootsListChanged();
  return endingSession(client, transport);
}

/** Over Streamable HTTP a session outlives its connections; a client that is done with it says so. */
function endingSession(
  client: { close(): Promise<void> },
  transport: { terminateSession(): Promise<void> },
): TestClient {
  const close = client.close.bind(client);
  client.close = () => transport.terminateSession().then(close);
  return client as unknown as TestClient;
}

const bearer = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } });
/** The stream of an SSE client is opened by another fetch than its posts. */
const bearerFetch = (token: string) => ({
  fetch: (url: string | URL | Request, init?: RequestInit) => {
    const headers = new Headers(init?.headers);
    headers.set("Authorization", `Bearer ${token}`);
    return fetch(url, { ...init, headers });
  },
});
