import { describe, expect, it } from "vitest";
import { type BootstrapSpec, bootstrapSql } from "../../components/backends/postgres-bootstrap.ts";
import { bootstrapFunctions } from "../../components/backends/postgres-functions.ts";
import { postgresSettings } from "../../components/backends/postgres-settings.ts";
import { identifier, literal, psqlArgument, textArray } from "../../components/backends/sql-text.ts";

/** The script from its first call on: what a specification decides. */
function callsOf(spec: BootstrapSpec): string[] {
  const [, calls = ""] = bootstrapSql(spec).split(bootstrapFunctions);
  return calls.trim().split("\n");
}

const created = (name: string) => [
  `SELECT NOT EXISTS (SELECT FROM pg_database WHERE datname = '${name}') AS missing \\gset`,
  "\\if :missing",
  `CREATE DATABASE "${name}";`,
  `REVOKE ALL ON DATABASE "${name}" FROM PUBLIC;`,
  `\\echo 'created database ${name}, closed to all but those named'`,
  "\\endif",
];

const database = (name: string, owner: string) => [
  `SELECT * FROM pg_temp.ensure_may_become('${owner}');`,
  ...created(name),
  `SELECT * FROM pg_temp.ensure_owned('${name}', '${owner}');`,
];

const lookInto = (name: string) => [
  `\\connect '${name}'`,
  "SET timescaledb.disable_load = 'on';",
  "SET search_path = pg_catalog;",
];

const withoutLargeObjects = (name: string) => [
  ...lookInto(name),
  "SELECT EXISTS (SELECT FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE pg_proc.oid = ANY (ARRAY['lo_creat(integer)', 'lo_create(oid)', 'lo_from_bytea(oid, bytea)']::text[]::regprocedure[]) AND grantee = 0) AS open \\gset",
  "\\if :open",
  "REVOKE EXECUTE ON FUNCTION lo_creat(integer), lo_create(oid), lo_from_bytea(oid, bytea) FROM PUBLIC;",
  `\\echo 'let no role make large objects in database ${name}'`,
  "\\endif",
];

const roles = [
  { name: "memory_user", verifier: "SCRAM-SHA-256$4096:c2FsdA==$a:b", connectionLimit: 20 },
  { name: "reader", memberOf: ["pg_read_all_data"], settings: { statement_timeout: "30s", work_mem: "8MB" } },
];

describe("the bootstrap of a managed server", () => {
  it("makes roles, then databases, then who may connect, and closes the server's own databases, to large objects too", () => {
    expect(
      callsOf({ managed: true, roles, databases: [{ name: "memory_db", owner: "memory_user", connect: ["reader"] }] }),
    ).toEqual([
      "SELECT * FROM pg_temp.ensure_role('memory_user', 'SCRAM-SHA-256$4096:c2FsdA==$a:b', 20, ARRAY[]::text[]);",
      "SELECT * FROM pg_temp.ensure_role('reader', NULL, -1, ARRAY['statement_timeout=30s', 'work_mem=8MB']::text[]);",
      "SELECT * FROM pg_temp.ensure_membership('memory_user', ARRAY[]::text[], true);",
      "SELECT * FROM pg_temp.ensure_membership('reader', ARRAY['pg_read_all_data']::text[], true);",
      ...database("memory_db", "memory_user"),
      ...database("postgres", "postgres"),
      ...database("template1", "postgres"),
      "SELECT * FROM pg_temp.ensure_connect('memory_user', ARRAY[]::text[], true);",
      "SELECT * FROM pg_temp.ensure_connect('reader', ARRAY['memory_db']::text[], true);",
      ...["memory_db", "postgres", "template1"].flatMap(withoutLargeObjects),
    ]);
  });

  it("makes or updates an extension as the first command of a session", () => {
    const spec = {
      managed: true,
      roles: [],
      databases: [{ name: "times", owner: "postgres", extensions: ["timescaledb"] }],
    };
    const calls = callsOf(spec);
    const start = calls.indexOf("\\connect 'times'");
    expect(calls.slice(start, start + 14)).toEqual([
      ...lookInto("times"),
      "SELECT NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') AS missing, EXISTS (SELECT FROM pg_extension JOIN pg_available_extensions ON name = extname WHERE extname = 'timescaledb' AND extversion <> default_version) AS outdated \\gset",
      "\\if :missing",
      "\\connect 'times'",
      "SET client_min_messages = warning;",
      'CREATE EXTENSION "timescaledb";',
      "\\echo 'created extension timescaledb in database times'",
      "\\elif :outdated",
      "\\connect 'times'",
      'ALTER EXTENSION "timescaledb" UPDATE;',
      "\\echo 'updated extension timescaledb in database times'",
      "\\endif",
    ]);
  });
});

describe("the bootstrap of an existing server", () => {
  it("takes nothing away, and nothing from somebody else's database", () => {
    const databases = [{ name: "theirs", extensions: ["hypopg"], connect: ["reader"] }];
    const calls = callsOf({ managed: false, roles, databases });
    expect(calls.slice(2, 13)).toEqual([
      "SELECT * FROM pg_temp.ensure_membership('memory_user', ARRAY[]::text[], false);",
      "SELECT * FROM pg_temp.ensure_membership('reader', ARRAY['pg_read_all_data']::text[], false);",
      ...created("theirs"),
      "SELECT * FROM pg_temp.ensure_connect('memory_user', ARRAY[]::text[], false);",
      "SELECT * FROM pg_temp.ensure_connect('reader', ARRAY['theirs']::text[], false);",
      "\\connect 'theirs'",
    ]);
    expect(calls.join("\n")).toContain("AS missing, false AS outdated");
    expect(calls.join("\n")).not.toMatch(/ensure_owned|REVOKE EXECUTE/);
  });
});

describe("text in SQL", () => {
  it.each([
    ["plain", '"plain"', "'plain'", "'plain'"],
    ['a"b', '"a""b"', "'a\"b'", "'a\"b'"],
    ["O'Brien", '"O\'Brien"', "'O''Brien'", "'O''Brien'"],
    ["a\\b'", '"a\\b\'"', " E'a\\\\b'''", "'a\\\\b'''"],
    [":name $x$", '":name $x$"', "':name $x$'", "':name $x$'"],
  ])("%s is quoted as name, constant and argument of psql", (text, name, constant, argument) => {
    expect(identifier(text)).toBe(name);
    expect(literal(text)).toBe(constant);
    expect(psqlArgument(text)).toBe(argument);
  });

  it("is refused where it has control characters", () => {
    for (const quote of [identifier, literal, psqlArgument])
      expect(() => quote("a\nb")).toThrow('"a\\nb" has control characters: use none');
    expect(() => textArray(["a\u0000"])).toThrow("control characters");
  });
});

describe("the settings of a Postgres", () => {
  it("fit its container", () => {
    expect(postgresSettings({ memory: 512 }).split("\n")).toEqual([
      "max_connections=105",
      "superuser_reserved_connections=3",
      "shared_buffers=128MB",
      "effective_cache_size=256MB",
      "work_mem=1MB",
      "maintenance_work_mem=32MB",
      "max_wal_size=512MB",
      "max_worker_processes=8",
      "max_parallel_workers_per_gather=1",
      "jit=off",
    ]);
  });

  it("give TimescaleDB's jobs workers, and are sensible at both ends", () => {
    const small = postgresSettings({ memory: 64, timescale: true });
    expect(small).toContain("max_worker_processes=16\ntimescaledb.max_background_workers=8");
    expect(small).toContain("max_connections=23\n");
    expect(small).toContain("work_mem=1MB\nmaintenance_work_mem=16MB");
    expect(postgresSettings({ memory: 16384 })).toContain("work_mem=16MB\nmaintenance_work_mem=256MB");
  });
});
