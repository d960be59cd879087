import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BootstrapSpec, bootstrapSql } from "../../components/backends/postgres-bootstrap.ts";
import { postgresSettings } from "../../components/backends/postgres-settings.ts";
import { scramVerifier } from "../../components/backends/scram.ts";
import {
  answers,
  asSuperuser,
  bootstrapLines,
  docker,
  ended,
  healthy,
  isHealthy,
  PostgresContainers,
  query,
} from "./postgres-container.ts";
import { logsOf } from "./test-stack.ts";

const writer = { user: "memory_user", password: "a writer's password", database: "memory_db" };
const reader = { user: "postgres_reader", password: "a reader's password", database: "app" };

/** What a stack asks for: one client that owns a database, and one that reads another. */
const spec = (managed = true, password = writer.password): BootstrapSpec => ({
  managed,
  roles: [
    { name: writer.user, verifier: scramVerifier(writer.user, password), connectionLimit: 20 },
    {
      name: reader.user,
      verifier: scramVerifier(reader.user, reader.password),
      memberOf: ["pg_read_all_data", "pg_read_all_stats"],
      settings: { default_transaction_read_only: "on", statement_timeout: "300ms" },
    },
    { name: "app_owner" },
  ],
  databases: [
    { name: writer.database, owner: writer.user, extensions: ["pg_trgm"] },
    { name: reader.database, owner: "app_owner", extensions: ["hypopg", "pg_stat_statements"], connect: [reader.user] },
  ],
});

/** A catalogue of the owner's own, first in the path of all sessions: who reads it makes the owner a superuser. */
const trap = `
  SET ROLE memory_user; CREATE SCHEMA trap;
  CREATE FUNCTION trap.spring() RETURNS bool VOLATILE LANGUAGE plpgsql AS
    $$ BEGIN ALTER ROLE memory_user SUPERUSER; RETURN true; EXCEPTION WHEN OTHERS THEN RETURN true; END $$;
  CREATE VIEW trap.pg_extension WITH (security_invoker) AS SELECT * FROM pg_catalog.pg_extension WHERE trap.spring();
  RESET ROLE; ALTER DATABASE memory_db SET search_path = trap, pg_catalog, public`;

let containers: PostgresContainers;
let image: string;
let volume: string;

beforeAll(() => {
  containers = new PostgresContainers();
  image = containers.build("postgres");
  volume = containers.volume("data");
});

afterAll(() => containers[Symbol.asyncDispose]());

const serve = (name: string, data = volume, sql = bootstrapSql(spec()), base = image) =>
  containers.run(
    name,
    base,
    { MCP_BOOTSTRAP_SQL: sql, MCP_PG_SETTINGS: postgresSettings({ memory: 512 }) },
    `--volume=${data}:/var/lib/postgresql/data`,
  );

describe("a managed server", () => {
  let server: string;

  beforeAll(async () => {
    // What an initialisation leaves that was broken off.
    containers.onVolume(
      image,
      volume,
      "mkdir /var/lib/postgresql/data/.initialising; echo 17 > /var/lib/postgresql/data/.initialising/PG_VERSION",
    );
    server = serve("first");
    await healthy(server);
  });

  test("is initialised with what was asked for, and says every change", () => {
    expect(bootstrapLines(server)).toEqual([
      "created role memory_user",
      "set the password of role memory_user",
      "created role postgres_reader",
      "set the password of role postgres_reader",
      "set the settings of role postgres_reader: default_transaction_read_only=on, statement_timeout=300ms",
      "created role app_owner",
      "made role postgres_reader a member of pg_read_all_data",
      "made role postgres_reader a member of pg_read_all_stats",
      "created database memory_db, closed to all but those named",
      "gave database memory_db to memory_user",
      "created database app, closed to all but those named",
      "gave database app to app_owner",
      "closed database postgres to all but those named",
      "closed database template1 to all but those named",
      "let role postgres_reader connect to database app",
      "created extension pg_trgm in database memory_db",
      "created extension hypopg in database app",
      "created extension pg_stat_statements in database app",
      "let no role make large objects in database memory_db",
      "let no role make large objects in database app",
      "let no role make large objects in database postgres",
      "let no role make large objects in database template1",
    ]);
    expect(asSuperuser(server, "SHOW data_checksums")).toBe("on");
    expect(asSuperuser(server, "SHOW shared_buffers")).toBe("128MB");
    expect(asSuperuser(server, "SHOW max_connections")).toBe("105");
  });

  test("lets the owner write, and sorts and classifies letters beyond ASCII", async () => {
    await query(server, writer, "CREATE TABLE note (text text); INSERT INTO note VALUES ('first'), ('Ökologie')");
    expect(await query(server, writer, "SELECT text FROM note WHERE lower(text) = 'ökologie'")).toEqual([["Ökologie"]]);
    const vector = await query(server, writer, "SELECT to_tsvector('simple', 'Übung macht')::text");
    expect(vector).toEqual([["'macht':2 'übung':1"]]);
  });

  test("lets the reader read, but neither write nor run on for long", async () => {
    asSuperuser(server, "SET ROLE app_owner; CREATE TABLE item AS SELECT 1 AS id", "app");
    expect(await query(server, reader, "SELECT id FROM item")).toEqual([[1]]);
    await expect(query(server, reader, "DELETE FROM item")).rejects.toThrow(
      "cannot execute DELETE in a read-only transaction",
    );
    const anyway = "SET TRANSACTION READ WRITE; DELETE FROM item";
    await expect(query(server, reader, anyway)).rejects.toThrow("permission denied for table item");
    await expect(query(server, reader, "SET TRANSACTION READ WRITE; CREATE TABLE x ()")).rejects.toThrow(
      "permission denied for schema public",
    );
    for (const make of ["lo_creat(-1)", "lo_create(0)", "lo_from_bytea(0, 'x')"])
      await expect(query(server, reader, `SET TRANSACTION READ WRITE; SELECT ${make}`)).rejects.toThrow(
        `permission denied for function ${make.replace(/\(.*/, "")}`,
      );
    await expect(query(server, reader, "SELECT pg_sleep(2)")).rejects.toThrow("statement timeout");
  });

  test.each(["memory_db", "postgres", "template1"])(
    "refuses the reader's connections to database %s",
    async (database) => {
      await expect(query(server, { ...reader, database }, "SELECT 1")).rejects.toThrow(
        `permission denied for database "${database}"`,
      );
    },
  );

  test("has a superuser that only its own user can be, and only by the socket", async () => {
    await expect(query(server, { user: "postgres", password: "postgres", database: "postgres" }, "")).rejects.toThrow(
      /pg_hba.conf rejects connection/,
    );
    expect(() => docker("exec", "--user=0", server, "psql", "-U", "postgres", "-c", "")).toThrow("Peer authentication");
    const passwords = "SELECT count(*) FROM pg_authid WHERE rolpassword NOT LIKE 'SCRAM-SHA-256$%'";
    expect(asSuperuser(server, `${passwords} OR (rolsuper AND rolpassword IS NOT NULL)`)).toBe("0");
  });

  test("keeps verifiers out of its log and its statistics", async () => {
    expect(logsOf(server)).not.toContain("SCRAM-SHA-256$");
    const seen = "SELECT count(*) FROM pg_stat_statements WHERE query LIKE '%SCRAM-SHA-256$%'";
    expect(await query(server, reader, seen)).toEqual([["0"]]);
  });

  test("changes nothing at a second start, and has its data after a kill", async () => {
    docker("kill", server);
    docker("start", server);
    await healthy(server);
    expect(bootstrapLines(server).at(-1)).toBe("nothing to change");
    expect(logsOf(server)).toContain("database system was not properly shut down; automatic recovery in progress");
    expect(await query(server, writer, "SELECT count(*) FROM note")).toEqual([["2"]]);
  });

  test("shuts down at once and in order with clients connected, and takes a new password in a new container", async () => {
    const sleeping = query(server, writer, "SELECT pg_sleep(60)");
    const cut = expect(sleeping).rejects.toThrow("terminating connection due to administrator command");
    await answers(server, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)'", "1");
    docker("stop", "--time=10", server);
    await cut;
    expect(docker("inspect", "--format={{.State.ExitCode}}", server)).toBe("0");
    expect(logsOf(server).trimEnd()).toMatch(/database system is shut down$/);
    containers.remove(server);

    const password = "another password";
    server = serve("second", volume, bootstrapSql(spec(true, password)));
    await healthy(server);
    expect(bootstrapLines(server)).toEqual(["set the password of role memory_user"]);
    expect(await query(server, { ...writer, password }, "SELECT count(*) FROM note")).toEqual([["2"]]);
    await expect(query(server, writer, "SELECT 1")).rejects.toThrow("password authentication failed");
  });

  test("keeps a second container off its volume, and its health red", async () => {
    const second = serve("intruder");
    expect(isHealthy(second)).toBe(false);
    expect(await ended(second)).toBe(1);
    expect(logsOf(second)).toContain("another container uses this volume: stop that one first; nothing was changed");
    expect(isHealthy(server)).toBe(true);
  });

  test("takes away what the configuration no longer gives, and puts right what somebody changed", async () => {
    asSuperuser(server, "ALTER ROLE postgres_reader SUPERUSER CREATEDB; GRANT CONNECT ON DATABASE app TO memory_user");
    asSuperuser(server, "DROP EXTENSION pg_trgm; CREATE EXTENSION pg_trgm VERSION '1.3'", "memory_db");
    // What an owner may do, and what then would run as the superuser.
    asSuperuser(server, trap, "memory_db");
    asSuperuser(server, "ALTER DATABASE memory_db OWNER TO app_owner");
    asSuperuser(server, "GRANT EXECUTE ON FUNCTION lo_create(oid) TO PUBLIC", "app");
    const { roles, databases } = spec();
    const less: BootstrapSpec = {
      managed: true,
      roles: roles.map((role) => (role.name === reader.user ? { ...role, memberOf: [], settings: {} } : role)),
      databases: databases.map(({ connect: _, ...database }) => database),
    };
    containers.remove(server);
    server = serve("less", volume, bootstrapSql(less));
    await healthy(server);
    expect(bootstrapLines(server)).toEqual([
      "set the password of role memory_user",
      "altered role postgres_reader: NOSUPERUSER NOCREATEDB",
      "set the settings of role postgres_reader: none",
      "made role postgres_reader no longer a member of pg_read_all_data",
      "made role postgres_reader no longer a member of pg_read_all_stats",
      "gave database memory_db to memory_user",
      "let role memory_user no longer connect to database app",
      "let role postgres_reader no longer connect to database app",
      "updated extension pg_trgm in database memory_db",
      "let no role make large objects in database app",
    ]);
    expect(asSuperuser(server, "SELECT rolsuper FROM pg_roles WHERE rolname = 'memory_user'")).toBe("f");
  });

  test("stops with the fault when the bootstrap fails, and shows nothing of it", async () => {
    const failing = { ...spec(), databases: [{ name: "app", owner: "app_owner", extensions: ["no_such_extension"] }] };
    containers.remove(server);
    const failed = serve("failing", volume, bootstrapSql(failing));
    expect(await ended(failed)).toBe(1);
    expect(bootstrapLines(failed).at(-1)).toMatch(/^ERROR: {2}extension "no_such_extension" is not available/);
    expect(logsOf(failed)).not.toContain("SCRAM-SHA-256$");
  });
});

describe("a volume that is not for this image", () => {
  test.each([
    [
      "of another major version",
      "mkdir pgdata; echo 16 > pgdata/PG_VERSION; echo rows > pgdata/table",
      "the volume holds data of PostgreSQL 16 and this image is PostgreSQL 17; nothing was changed. Go on with an image of PostgreSQL 16 (mcp:images), or dump the data there and load them into a new volume",
    ],
    [
      "of somebody else's files",
      "echo mine > photo; echo mine > PG_VERSION",
      "the volume holds something else than a database of this image (PG_VERSION photo)",
    ],
  ])("%s is refused and left as it is", async (_, fill, message) => {
    const foreign = containers.volume(`foreign-${message.length}`);
    const list = "cd /var/lib/postgresql/data; find . -type f ! -name .lock | sort | xargs md5sum";
    containers.onVolume(image, foreign, `cd /var/lib/postgresql/data; ${fill}`);
    const before = containers.onVolume(image, foreign, list);
    const refused = serve(`refused-${message.length}`, foreign);
    expect(await ended(refused)).toBe(1);
    expect(logsOf(refused)).toContain(message);
    expect(containers.onVolume(image, foreign, list)).toBe(before);
  });
});

test("on TimescaleDB, the extension is loaded first, and brought to the image's version before anything uses it", async () => {
  const timescale: BootstrapSpec = {
    managed: true,
    roles: spec().roles,
    databases: [{ name: "timescale_db", owner: "app_owner", extensions: ["timescaledb"], connect: [reader.user] }],
  };
  const base = containers.build("timescaledb");
  const server = serve("timescaledb", containers.volume("timescaledb"), bootstrapSql(timescale), base);
  await healthy(server);
  expect(bootstrapLines(server)).toContain("created extension timescaledb in database timescale_db");
  const fill =
    "INSERT INTO metric SELECT '2026-01-01'::timestamptz + i * interval '1 hour', i FROM generate_series(1, 48) i";
  const create = "CREATE TABLE metric (at timestamptz NOT NULL, value int); SELECT create_hypertable('metric', 'at')";
  asSuperuser(server, `SET ROLE app_owner; ${create}; ${fill}`, "timescale_db");
  // As a volume is that an older image has used: where its library is gone, even a SELECT fails.
  const version = "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'";
  const older = asSuperuser(server, version, "timescale_db").replace(/\d+$/, (patch) => String(Number(patch) - 1));
  const metadata = `UPDATE _timescaledb_catalog.metadata SET value = '${older}' WHERE key = 'timescaledb_version'`;
  const extension = `UPDATE pg_extension SET extversion = '${older}' WHERE extname = 'timescaledb'`;
  asSuperuser(server, `${metadata}; ${extension}`, "timescale_db");
  docker("restart", server);
  await healthy(server);
  expect(bootstrapLines(server).at(-1)).toBe("updated extension timescaledb in database timescale_db");
  const days =
    "SELECT time_bucket('1 day', at, 'UTC') AS day, sum(value)::int FROM metric GROUP BY day ORDER BY day LIMIT 1";
  expect(await query(server, { ...reader, database: "timescale_db" }, days)).toEqual([
    [new Date("2026-01-01T00:00:00Z"), 276],
  ]);
});

describe("an existing server", () => {
  /** As clouds give them: an administrator that is no superuser, beside a database of somebody else. */
  const statements = [
    "CREATE ROLE admin LOGIN CREATEROLE CREATEDB PASSWORD 'an admin''s password'",
    "GRANT pg_read_all_data, pg_read_all_stats TO admin WITH ADMIN OPTION",
    "CREATE ROLE them",
    "GRANT them TO admin",
    "CREATE DATABASE theirs OWNER them",
    "REVOKE ALL ON DATABASE theirs FROM PUBLIC",
  ];
  const script = [
    "initdb -D /tmp/data --auth-local=trust --auth-host=scram-sha-256 >/dev/null",
    "echo 'host all all all scram-sha-256' >> /tmp/data/pg_hba.conf",
    `printf '%s\\n' ${statements.map((sql) => `"${sql}"`).join(" ")} | postgres --single -D /tmp/data postgres >/dev/null`,
    "exec postgres -D /tmp/data -c 'listen_addresses=*' -c unix_socket_directories=/tmp -c log_statement=none",
  ];

  test("that comes up late is set up by its administrator, and only as far as was asked", async () => {
    const env = { PGHOST: `${containers.prefix}existing`, PGUSER: "admin", PGPASSWORD: "an admin's password" };
    const { roles, databases } = spec(false);
    const [memory = { name: "" }] = databases;
    const asked = {
      managed: false,
      roles,
      databases: [memory, { name: "theirs", connect: [reader.user] }, { name: "new" }],
    };
    const sql = bootstrapSql(asked);
    const bootstrap = containers.run("bootstrap", image, { ...env, MCP_BOOTSTRAP_SQL: sql }, "--", "bootstrap");
    expect(isHealthy(bootstrap)).toBe(false);
    const existing = containers.run("existing", image, {}, "--entrypoint=sh", "--", "-ec", script.join("\n"));
    await healthy(bootstrap);

    const lines = bootstrapLines(bootstrap);
    const failures = lines.filter((line) =>
      /^psql: error: .* to address: |^psql: error: .* Connection refused/.test(line),
    );
    expect(failures.length).toBeGreaterThan(0);
    expect(lines.slice(lines.indexOf("created role memory_user"))).toEqual([
      "created role memory_user",
      "set the password of role memory_user",
      "created role postgres_reader",
      "set the password of role postgres_reader",
      "set the settings of role postgres_reader: default_transaction_read_only=on, statement_timeout=300ms",
      "created role app_owner",
      "made role postgres_reader a member of pg_read_all_data",
      "made role postgres_reader a member of pg_read_all_stats",
      "made role admin a member of memory_user",
      "created database memory_db, closed to all but those named",
      "gave database memory_db to memory_user",
      "created database new, closed to all but those named",
      "let role postgres_reader connect to database theirs",
      "created extension pg_trgm in database memory_db",
      "done",
    ]);
    for (const secret of [env.PGPASSWORD, "SCRAM-SHA-256$"])
      expect(logsOf(bootstrap) + logsOf(existing)).not.toContain(secret);
    await query(existing, writer, "CREATE TABLE note ()");
    expect(await query(existing, { ...reader, database: "theirs" }, "SELECT current_database()")).toEqual([["theirs"]]);
  });
});
