import type { Session } from "../database/database.ts";
import { objects } from "../database/values.ts";
import { ToolError } from "../errors.ts";

/** The TimescaleDB of a database: what it is, and what it can do. */
export interface Timescale {
  readonly version: string;
  /** `timescaledb.license`: `apache`, or `timescale` for the Community Edition. */
  readonly license: string;
  /** Schema of its functions, quoted. */
  readonly schema: string;
  /** Names of its functions and procedures; they differ between versions. */
  readonly functions: ReadonlySet<string>;
  /** Names of its views in `timescaledb_information`. */
  readonly views: ReadonlySet<string>;
}

const EXTENSION = `
  SELECT e.extversion AS version, quote_ident(n.nspname) AS schema,
    current_setting('timescaledb.license', true) AS license,
    (SELECT json_agg(DISTINCT p.proname) FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
      WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.classid = 'pg_proc'::regclass
        AND d.deptype = 'e' AND p.pronamespace = e.extnamespace) AS functions,
    (SELECT json_agg(c.relname) FROM pg_class c JOIN pg_namespace i ON i.oid = c.relnamespace
      WHERE i.nspname = 'timescaledb_information') AS views
  FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'timescaledb'`;

/**
 * Finds the extension. Asked anew by every call: it is one look into the catalogue, and an upgrade or a restored
 * database is seen at once.
 * @throws ToolError where there is none, with what to do about it.
 */
export async function timescale(session: Session): Promise<Timescale> {
  const [found] = await objects<{
    version: string;
    schema: string;
    license: string | null;
    functions: string[];
    views: string[];
  }>(session, EXTENSION);
  if (found === undefined) throw new ToolError(await absent(session));
  if (found.license === null) {
    throw new ToolError(
      `TimescaleDB ${found.version} is created in this database but its library is not loaded; ` +
        "whoever runs the server must add timescaledb to shared_preload_libraries and restart it",
    );
  }
  return {
    ...found,
    license: found.license,
    functions: new Set(found.functions),
    views: new Set(found.views),
  };
}

async function absent(session: Session): Promise<string> {
  const [row] = await objects<{ database: string; available: boolean; postgres: string }>(
    session,
    `SELECT current_database() AS database, current_setting('server_version') AS postgres,
       EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb') AS available`,
  );
  const remedy = row?.available
    ? "whoever owns the database must run CREATE EXTENSION timescaledb"
    : "whoever runs the server must install TimescaleDB (for example with the image timescale/timescaledb), " +
      "add it to shared_preload_libraries and run CREATE EXTENSION timescaledb";
  return `the database "${row?.database}" (PostgreSQL ${row?.postgres}) does not have the extension timescaledb; ${remedy}`;
}

const build = ({ version, license }: Timescale): string => `TimescaleDB ${version} with the licence "${license}"`;

/** @throws ToolError where the build has only what is under the Apache licence. */
export function requireCommunity(found: Timescale, feature: string): void {
  if (found.license === "timescale") return;
  throw new ToolError(
    `${feature} needs the Community Edition; this is ${build(found)} (timescaledb.license). Whoever runs the server ` +
      "can use a Community build, such as the image timescale/timescaledb, with timescaledb.license=timescale; " +
      "packages of distributions have the Apache part alone",
  );
}

/** Calls a function by the first of its names that this version knows: compression became the columnstore in 2.18. */
export function firstKnown(found: Timescale, feature: string, names: readonly string[]): string {
  const name = names.find((candidate) => found.functions.has(candidate));
  if (name !== undefined) return name;
  throw new ToolError(
    `${feature} is not in ${build(found)}: it has none of ${names.join(", ")}; upgrade TimescaleDB to 2.14 or later`,
  );
}
