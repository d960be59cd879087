import type { CallToolResult, McpServer } from "@modelcontextprotocol/server";
import type { z } from "zod";
import type { Log } from "../../bridge/src/host.ts";
import type { Database } from "./database/database.ts";
import { clientMessage, ToolError } from "./errors.ts";

/** Bounds of what one call returns. */
export interface Limits {
  readonly rows: number;
  readonly bytes: number;
  readonly statementTimeoutMs: number;
}

/** What a tool works with. */
export interface ToolContext {
  readonly database: Database;
  readonly limits: Limits;
}

/** What a tool may do to the database: look, add or set something, or take something away. */
export type Effect = "read" | "write" | "destroy";

export interface ToolDefinition<Input extends z.ZodObject = z.ZodObject, Output extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly effect: Effect;
  readonly input: Input;
  readonly output: Output;
  run(context: ToolContext, args: z.output<Input>): Promise<z.input<Output>>;
}

/** Checks a tool's types where it is written, then forgets them so that a registry can list it. */
export function defineTool<Input extends z.ZodObject, Output extends z.ZodObject>(
  tool: ToolDefinition<Input, Output>,
): ToolDefinition {
  return tool as unknown as ToolDefinition;
}

/** Offers a tool on a server; its errors become results that say what to do. */
export function registerTool(server: McpServer, tool: ToolDefinition, context: ToolContext, log: Log): void {
  const { name, title, description, effect, input, output } = tool;
  const annotations = {
    title,
    readOnlyHint: effect === "read",
    destructiveHint: effect === "destroy",
    idempotentHint: effect === "read",
    openWorldHint: false,
  };
  server.registerTool(
    name,
    { title, description, inputSchema: input, outputSchema: output, annotations },
    async (args): Promise<CallToolResult> => {
      try {
        const structuredContent = await tool.run(context, args);
        return { content: [{ type: "text", text: JSON.stringify(structuredContent) }], structuredContent };
      } catch (error) {
        if (!(error instanceof ToolError)) log("warn", "tool_failed", { tool: name, reason: reasonOf(error) });
        return { isError: true, content: [{ type: "text", text: clientMessage(error) }] };
      }
    },
  );
}

const reasonOf = (error: unknown): string =>
  error instanceof AggregateError
    ? error.errors.map(reasonOf).join("; ")
    : error instanceof Error
      ? error.message
      : String(error);
