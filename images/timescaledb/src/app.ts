import { McpServer } from "@modelcontextprotocol/server";
import type { CreateServer } from "../../bridge/src/host.ts";
import type { Database } from "./database/database.ts";
import { type Limits, registerTool } from "./tool.ts";
import { readTools, writeTools } from "./tools/registry.ts";

/** Version of this server, in `initialize` and `/health`. */
export const version = "0.1.0";

const INSTRUCTIONS = `Time series in TimescaleDB. Start with list_hypertables; describe_hypertable gives the columns.
For figures over time use query_time_buckets, which needs no SQL; for anything else there is query, which only reads.`;

export interface AppOptions {
  readonly database: Database;
  readonly limits: Limits;
  /** Offer the tools that change something, too. */
  readonly writable: boolean;
}

/** Makes the MCP server of one session; the database is shared by all. Never listens. */
export function createApp({ database, limits, writable }: AppOptions): CreateServer {
  return ({ log }) => {
    const server = new McpServer({ name: "timescaledb", version }, { instructions: INSTRUCTIONS });
    for (const tool of [...readTools, ...(writable ? writeTools : [])]) {
      registerTool(server, tool, { database, limits }, log);
    }
    return server;
  };
}
