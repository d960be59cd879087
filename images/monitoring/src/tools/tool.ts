import type { McpServer } from "@modelcontextprotocol/server";
import type { z } from "zod";
import type { Log } from "../../../bridge/src/host.ts";
import { BackendError, ToolError } from "../backends/backend-error.ts";
import type { Monitor } from "../monitor.ts";

/** What a tool answers: data by its schema, and the same for who reads. */
export interface Answer<Output> {
  readonly data: Output;
  readonly text: string;
}

export interface ToolDefinition<Input extends z.ZodObject, Output extends z.ZodObject> {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly input: Input;
  readonly output: Output;
  readonly run: (
    args: z.output<Input>,
    context: Monitor & { readonly signal: AbortSignal },
  ) => Promise<Answer<z.output<Output>>>;
}

/** A tool, ready to be registered with the server of a session. */
export interface Tool {
  readonly name: string;
  readonly register: (server: McpServer, monitor: Monitor, log: Log) => void;
}

/** All tools look, and change nothing. What they see is what runs here, not the open world. */
const annotations = { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false } as const;

export function defineTool<Input extends z.ZodObject, Output extends z.ZodObject>(
  definition: ToolDefinition<Input, Output>,
): Tool {
  const { name, title, description, input, output, run } = definition;
  return {
    name,
    register: (server, monitor, log) => {
      const config = { title, description, inputSchema: input as z.ZodObject, outputSchema: output, annotations };
      server.registerTool(name, config, async (args, { mcpReq: { signal } }) => {
        try {
          const { data, text } = await run(args as z.output<Input>, { ...monitor, signal });
          return {
            content: [{ type: "text" as const, text }],
            structuredContent: data as Record<string, unknown>,
          };
        } catch (error) {
          return {
            content: [{ type: "text" as const, text: signal.aborted ? "cancelled" : sayFault(error, name, log) }],
            isError: true,
          };
        }
      });
    },
  };
}

/** Faults of backends and arguments are for the caller to read; one of ours is for the log. */
function sayFault(error: unknown, tool: string, log: Log): string {
  if (error instanceof ToolError) return error.message;
  if (error instanceof BackendError) {
    log("warn", "backend_failed", { tool, fault: error.fault, reason: error.message });
    return error.message;
  }
  log("error", "tool_failed", {
    tool,
    reason: error instanceof Error ? (error.stack ?? error.message) : String(error),
  });
  return `${tool} failed for a reason of its own; the server's log has it`;
}
