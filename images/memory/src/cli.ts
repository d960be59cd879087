/** Moves graphs in and out, in the reference server's format: see `--help`. */
import { once } from "node:events";
import { parseArgs } from "node:util";
import { createDatabase } from "./app.ts";
import { readConfig } from "./config.ts";
import { DatabaseError } from "./database/database.ts";
import { describe } from "./database/faults.ts";
import { Tenant } from "./graph/tenant.ts";
import { openLog } from "./log.ts";
import { exportGraph } from "./transfer/export.ts";
import { importGraph } from "./transfer/import.ts";
import { splitLines } from "./transfer/split.ts";

const HELP = `usage: cli.ts export [--tenant NAME] > memory.jsonl
       cli.ts import [--tenant NAME] < memory.jsonl

The file is that of the reference memory server (MEMORY_FILE_PATH): one JSON object a line. An import adds to what is
there, all of the file or nothing of it; to repeat it changes nothing. The database is the server's: PGHOST, …, or
MCP_MEMORY_DATA, which only one process can have open. Default tenant: MCP_MEMORY_TENANT.
`;

/** A file may be large, and wait for what the server does. */
const STATEMENT_TIMEOUT_MS = 3_600_000;

async function write(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, "drain");
}

async function run(command: "export" | "import", tenantName: string | undefined): Promise<void> {
  const tenantOption = tenantName !== undefined && { MCP_MEMORY_TENANT: tenantName };
  const config = readConfig({ ...process.env, ...tenantOption });
  const log = openLog({ ...process.env, MCP_LOG_LEVEL: "error" });
  const database = await createDatabase({ ...config, connections: 1, statementTimeout: STATEMENT_TIMEOUT_MS }, log);
  try {
    const tenant = new Tenant(database, config.tenant);
    if (command === "export") {
      const { entities, relations } = await exportGraph(tenant, write);
      process.stderr.write(`exported ${entities} entities and ${relations} relations of tenant ${config.tenant}\n`);
    } else {
      const done = await importGraph(tenant, splitLines(process.stdin));
      const made = `${done.entitiesCreated} entities and ${done.relationsCreated} relations are new`;
      const more = `${done.entitiesExtended} entities got observations`;
      process.stderr.write(`imported ${done.lines} lines into tenant ${config.tenant}: ${made}, ${more}\n`);
    }
  } finally {
    await database.close();
  }
}

function fail(message: string, code: number): never {
  process.stderr.write(`mcp-memory: ${message}\n`);
  process.exit(code);
}

function readArguments() {
  try {
    return parseArgs({ allowPositionals: true, options: { tenant: { type: "string" }, help: { type: "boolean" } } });
  } catch (error) {
    return fail(`${(error as Error).message}\n\n${HELP}`, 2);
  }
}

const { values, positionals } = readArguments();
const [command, ...more] = positionals;
if (values.help) process.stdout.write(HELP);
else if ((command !== "export" && command !== "import") || more.length > 0) {
  fail(`give one command, export or import\n\n${HELP}`, 2);
} else {
  try {
    await run(command, values.tenant);
  } catch (error) {
    const { message, cause } = error as Error;
    const why =
      error instanceof DatabaseError && cause !== undefined ? ` (${Object.values(describe(cause)).join(" ")})` : "";
    fail(message + why + (command === "import" ? "\nnothing was imported" : ""), 1);
  }
}
