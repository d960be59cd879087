import { ProtocolError, ProtocolErrorCode, Server, type Tool } from "@modelcontextprotocol/server";
import { z } from "zod";
import type { HostedSession } from "../../bridge/src/host.ts";
import { DatabaseError } from "./database/database.ts";
import { describe } from "./database/faults.ts";
import { GraphError } from "./graph/graph.ts";
import type { GraphStore } from "./graph/store.ts";
import { tools } from "./tools/registry.ts";
import { type MemoryTool, print } from "./tools/tool.ts";

const GRAPH = {
  uri: "memory://knowledge-graph",
  name: "knowledge-graph",
  title: "Knowledge Graph",
  description: "The full knowledge graph with all entities and relations",
  mimeType: "application/json",
};

const HINTS = {
  read: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
  add: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  delete: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
};

const schemaOf = (schema: z.ZodObject, io: "input" | "output") =>
  z.toJSONSchema(schema, { target: "draft-7", io }) as Tool["inputSchema"];

const listed: Tool[] = tools.map(({ name, title, description, input, output, kind }) => ({
  name,
  title,
  description,
  inputSchema: schemaOf(input, "input"),
  annotations: HINTS[kind],
  execution: { taskSupport: "forbidden" },
  outputSchema: schemaOf(output, "output"),
}));
const byName = new Map(tools.map((tool) => [tool.name, tool]));

/**
 * Makes the server of one session. On the SDK's low-level `Server`: the lists and errors of clients are those of the
 * reference server to the letter, which was built on an older SDK.
 */
export function createMcpServer(store: GraphStore, version: string, { log }: Pick<HostedSession, "log">): Server {
  const server = new Server(
    { name: "memory-server", version },
    { capabilities: { tools: { listChanged: true }, resources: { listChanged: true, subscribe: true } } },
  );
  const fault = (about: Record<string, unknown>, error: unknown): string => messageOf(log, about, error);

  server.setRequestHandler("tools/list", () => ({ tools: listed }));
  server.setRequestHandler("tools/call", async ({ params }) => {
    try {
      const { text, value } = await call(store, byName.get(params.name), params);
      return { content: [{ type: "text", text }], structuredContent: value };
    } catch (error) {
      return { content: [{ type: "text", text: fault({ tool: params.name }, error) }], isError: true };
    }
  });

  server.setRequestHandler("resources/list", () => ({ resources: [GRAPH] }));
  server.setRequestHandler("resources/templates/list", () => ({ resourceTemplates: [] }));
  server.setRequestHandler("resources/read", async ({ params }) => {
    if (new URL(params.uri).href !== GRAPH.uri) {
      throw new ProtocolError(ProtocolErrorCode.InvalidParams, invalid(`Resource ${params.uri} not found`));
    }
    try {
      const text = print(await store.readGraph());
      return { contents: [{ uri: GRAPH.uri, mimeType: GRAPH.mimeType, text }] };
    } catch (error) {
      throw new ProtocolError(ProtocolErrorCode.InternalError, fault({ resource: GRAPH.name }, error));
    }
  });

  let unwatch: (() => void) | undefined;
  const stop = (): void => {
    unwatch?.();
    unwatch = undefined;
  };
  server.setRequestHandler("resources/subscribe", ({ params }) => {
    if (params.uri === GRAPH.uri) {
      unwatch ??= store.watch(() => void server.sendResourceUpdated({ uri: GRAPH.uri }).catch(() => {}));
    }
    return {};
  });
  server.setRequestHandler("resources/unsubscribe", ({ params }) => {
    if (params.uri === GRAPH.uri) stop();
    return {};
  });
  server.onclose = stop;
  return server;
}

async function call(store: GraphStore, tool: MemoryTool | undefined, params: { name: string; arguments?: unknown }) {
  if (tool === undefined) throw new GraphError(invalid(`Tool ${params.name} not found`));
  const parsed = tool.input.safeParse(params.arguments ?? {});
  if (parsed.success) return tool.run(store, parsed.data);
  const problems = parsed.error.issues.map(({ message, path }) => message + where(path)).join("\n");
  throw new GraphError(invalid(`Input validation error: Invalid arguments for tool ${params.name}: ${problems}`));
}

/** As the SDK of the reference server puts it. */
const invalid = (message: string): string => `MCP error ${ProtocolErrorCode.InvalidParams}: ${message}`;

const where = (path: readonly PropertyKey[]): string =>
  path.length === 0 ? "" : ` at ${path.reduce<string>(joined, "")}`;
const joined = (path: string, key: PropertyKey): string => {
  if (typeof key === "number") return `${path}[${key}]`;
  return path === "" ? String(key) : `${path}.${String(key)}`;
};

/** What the client is told; what is not its own fault is logged, without what it wrote. */
function messageOf(log: HostedSession["log"], about: Record<string, unknown>, error: unknown): string {
  if (error instanceof GraphError) return error.message;
  if (error instanceof DatabaseError) {
    log("error", "database_failed", { ...about, unavailable: error.unavailable, ...describe(error.cause) });
    return error.message;
  }
  log("error", "call_failed", { ...about, error: error instanceof Error ? error.stack : String(error) });
  return "The memory server failed; its log has the cause. Nothing was changed";
}
