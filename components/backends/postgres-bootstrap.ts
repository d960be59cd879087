import { bootstrapFunctions } from "./postgres-functions.ts";
import { identifier, literal, psqlArgument, textArray } from "./sql-text.ts";

/** A role of one client, or one that only owns. */
export interface RoleSpec {
  readonly name: string;
  /** SCRAM verifier of its password (`scram.ts`); a role without one cannot log in. */
  readonly verifier?: string;
  /** Roles whose rights it has. */
  readonly memberOf?: readonly string[];
  /** Settings that its sessions start with, single values only. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Connections at once. Default: as many as the server takes. */
  readonly connectionLimit?: number;
}

/** A database, and who may use it. */
export interface DatabaseSpec {
  readonly name: string;
  /** Role that owns it. Default: the administrator, or whoever has it on a server that exists. */
  readonly owner?: string;
  readonly extensions?: readonly string[];
  /** Roles that may connect, beside the owner. */
  readonly connect?: readonly string[];
}

/** What is to be on a server. */
export interface BootstrapSpec {
  /**
   * The whole server is ours: nobody connects to a database but those named, and what these roles may no longer do is
   * taken from them. Nothing is ever dropped.
   */
  readonly managed: boolean;
  readonly roles: readonly RoleSpec[];
  readonly databases: readonly DatabaseSpec[];
}

/** The superuser of a managed server. */
const superuser = "postgres";

/** Databases that every server has, and that anybody may connect to until they are closed. */
const systemDatabases: readonly DatabaseSpec[] = [{ name: "postgres" }, { name: "template1" }];

/**
 * A script for psql that brings a server to what `spec` says. It prints one line for every change; a second run prints
 * nothing. Run it with `-X -q -A -t -v ON_ERROR_STOP=1 -v VERBOSITY=terse`, as an administrator, from standard input:
 * it holds verifiers, which belong in no log.
 */
export function bootstrapSql(spec: BootstrapSpec): string {
  const { managed, roles } = spec;
  const databases = managed
    ? [...spec.databases, ...systemDatabases].map((database) => ({ ...database, owner: database.owner ?? superuser }))
    : spec.databases;
  const call = (name: string, ...args: readonly (string | number | boolean)[]) =>
    `SELECT * FROM pg_temp.${name}(${args.join(", ")});`;
  const lines = [
    ...preamble,
    bootstrapFunctions,
    ...roles.map(({ name, verifier, connectionLimit = -1, settings = {} }) =>
      call(
        "ensure_role",
        literal(name),
        verifier === undefined ? "NULL" : literal(verifier),
        connectionLimit,
        textArray(Object.entries(settings).map(([key, value]) => `${key}=${value}`)),
      ),
    ),
    ...roles.map(({ name, memberOf = [] }) => call("ensure_membership", literal(name), textArray(memberOf), managed)),
    ...databases.flatMap(({ name, owner }) =>
      owner === undefined
        ? createDatabase(name)
        : [
            call("ensure_may_become", literal(owner)),
            ...createDatabase(name),
            call("ensure_owned", literal(name), literal(owner)),
          ],
    ),
    ...roles.map(({ name }) => {
      const open = databases.filter(({ connect = [] }) => connect.includes(name));
      return call("ensure_connect", literal(name), textArray(open.map((database) => database.name)), managed);
    }),
    ...databases.flatMap(({ name, owner, extensions = [] }) =>
      extensions.flatMap((extension) => ensureExtension(name, extension, owner !== undefined)),
    ),
    ...(managed ? databases.flatMap(({ name }) => closeLargeObjects(name)) : []),
  ];
  return `${lines.join("\n")}\n`;
}

/** Refuses servers that are too old, and sees to it that no log and no statistics keep the verifiers. */
const preamble = [
  "SET client_min_messages = warning;",
  `DO $do$ BEGIN
  IF current_setting('server_version_num')::int < 150000 THEN
    RAISE EXCEPTION 'this server is PostgreSQL %; 15 or later is needed', current_setting('server_version');
  END IF;
END $do$;`,
  `DO $do$
DECLARE
  setting text[];
BEGIN
  FOREACH setting SLICE 1 IN ARRAY ARRAY[['log_statement', 'none'], ['log_min_error_statement', 'panic'],
    ['log_min_duration_statement', '-1'], ['pg_stat_statements.track_utility', 'off']] LOOP
    BEGIN
      PERFORM set_config(setting[1], setting[2], false);
    EXCEPTION WHEN insufficient_privilege THEN
      -- Only superusers decide about it.
      NULL;
    END;
  END LOOP;
END $do$;`,
] as const;

/**
 * No function can do it: CREATE DATABASE is refused inside of a transaction. A new one is closed at once; one that was
 * there before, on a server that exists, stays as open as it is.
 */
const createDatabase = (name: string) => [
  `SELECT NOT EXISTS (SELECT FROM pg_database WHERE datname = ${literal(name)}) AS missing \\gset`,
  "\\if :missing",
  `CREATE DATABASE ${identifier(name)};`,
  `REVOKE ALL ON DATABASE ${identifier(name)} FROM PUBLIC;`,
  `\\echo ${psqlArgument(`created database ${name}, closed to all but those named`)}`,
  "\\endif",
];

/**
 * Opens a database only to look at its catalogue. Its owner decides what its sessions start with, and must not decide
 * what a superuser's `pg_extension` is; TimescaleDB, where it is outdated, lets nobody look but with its loading off.
 */
const lookInto = (database: string) => [
  `\\connect ${psqlArgument(database)}`,
  "SET timescaledb.disable_load = 'on';",
  "SET search_path = pg_catalog;",
];

/** What makes a large object; Postgres lets every role do it, those too that may only read. */
const largeObjectMakers = ["lo_creat(integer)", "lo_create(oid)", "lo_from_bytea(oid, bytea)"];

/** Takes from all roles but superusers what even a role without any right to write could fill the disk with. */
const closeLargeObjects = (database: string) => [
  ...lookInto(database),
  `SELECT EXISTS (SELECT FROM pg_proc, aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE pg_proc.oid = ANY (${textArray(largeObjectMakers)}::regprocedure[]) AND grantee = 0) AS open \\gset`,
  "\\if :open",
  `REVOKE EXECUTE ON FUNCTION ${largeObjectMakers.join(", ")} FROM PUBLIC;`,
  `\\echo ${psqlArgument(`let no role make large objects in database ${database}`)}`,
  "\\endif",
];

/**
 * A newer image may hold a newer version of an extension, and no longer the one that the database has. TimescaleDB lets
 * a session look at the catalogue in that state only with its loading off, and update only as its first command.
 */
function ensureExtension(database: string, extension: string, update: boolean): string[] {
  const connect = `\\connect ${psqlArgument(database)}`;
  const quoted = identifier(extension);
  const installed = `SELECT FROM pg_extension WHERE extname = ${literal(extension)}`;
  const outdated = `SELECT FROM pg_extension JOIN pg_available_extensions ON name = extname WHERE extname = ${literal(extension)} AND extversion <> default_version`;
  return [
    ...lookInto(database),
    `SELECT NOT EXISTS (${installed}) AS missing, ${update ? `EXISTS (${outdated})` : "false"} AS outdated \\gset`,
    "\\if :missing",
    connect,
    "SET client_min_messages = warning;",
    `CREATE EXTENSION ${quoted};`,
    `\\echo ${psqlArgument(`created extension ${extension} in database ${database}`)}`,
    "\\elif :outdated",
    connect,
    `ALTER EXTENSION ${quoted} UPDATE;`,
    `\\echo ${psqlArgument(`updated extension ${extension} in database ${database}`)}`,
    "\\endif",
  ];
}
