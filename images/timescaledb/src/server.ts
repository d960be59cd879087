import { hostServer } from "../../bridge/src/host.ts";
import { createApp, version } from "./app.ts";
import { type Config, readConfig } from "./config.ts";
import { PgDatabase } from "./database/pg-database.ts";
import { timescale } from "./timescale/timescale.ts";

/** Connections that all sessions share; the role of a managed database has no more than a few. */
const POOL_SIZE = 5;
/** A statement that sends more than this is cut off: five at once, each in a buffer twice its size, fit into the memory. */
const MAX_WIRE_BYTES = 8 * 1024 * 1024;

function configOrExit(): Config {
  try {
    return readConfig(process.env);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(2);
  }
}

const { connection, writable, statementTimeoutMs, maxRows, maxResultBytes } = configOrExit();
const database = new PgDatabase({
  connection,
  poolSize: POOL_SIZE,
  statementTimeoutMs,
  maxWireBytes: MAX_WIRE_BYTES,
  log: (level, event, fields) =>
    console.error(JSON.stringify({ time: new Date().toISOString(), level, event, server: "timescaledb", ...fields })),
});

await hostServer({
  name: "timescaledb",
  version,
  createServer: createApp({ database, writable, limits: { rows: maxRows, bytes: maxResultBytes, statementTimeoutMs } }),
  health: {
    database: () => database.check((session) => session.query("SELECT 1")),
    timescaledb_extension: () => database.check(timescale),
  },
  close: () => database.close(),
});
