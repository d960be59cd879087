import { readFileSync } from "node:fs";
import type { HostedDefinition, Log } from "../../bridge/src/host.ts";
import type { Config } from "./config.ts";
import type { Database } from "./database/database.ts";
import { GraphStore } from "./graph/store.ts";
import { createMcpServer } from "./mcp.ts";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  version: string;
};

/** Opens nothing yet: the first call does. Only the engine that is asked for is loaded. */
export async function createDatabase({ storage, connections, statementTimeout }: Config, log: Log): Promise<Database> {
  if (storage.kind === "embedded") {
    const { EmbeddedDatabase } = await import("./database/embedded.ts");
    return new EmbeddedDatabase(storage.folder);
  }
  const { PostgresDatabase } = await import("./database/postgres.ts");
  const { kind: _, ...where } = storage;
  return new PostgresDatabase({ ...where, connections, statementTimeout }, log);
}

/** The whole server, ready to be hosted. */
export function createApp(database: Database, tenant: string): HostedDefinition {
  const store = new GraphStore(database, tenant);
  return {
    name: "memory",
    version,
    createServer: (session) => createMcpServer(store, version, session),
    // Also sets the database up as soon as it can be reached, whether a client calls or not.
    health: { database: () => store.check() },
    close: () => store.close(),
  };
}
