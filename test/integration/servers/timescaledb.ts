import { setTimeout as sleep } from "node:timers/promises";
import { beforeAll, expect, test } from "vitest";
import { callText } from "../clients.ts";
import { docker } from "../test-stack.ts";
import { type Fleet, type ServerProof, transports } from "./proof.ts";

/** The server's own role only reads: what it reads is put there by the superuser, through the container's socket. */
const psql = (fleet: Fleet, sql: string): string =>
  docker(
    "exec",
    "-u",
    "postgres",
    fleet.backend("timescaledb"),
    "psql",
    "-XAtq",
    "-v",
    "ON_ERROR_STOP=1",
    "-d",
    "timescale_db",
    "-c",
    sql,
  );

const DATA = `
  DROP TABLE IF EXISTS readings;
  CREATE TABLE readings (time timestamptz NOT NULL, device text NOT NULL, value float8);
  SELECT create_hypertable('readings', by_range('time', INTERVAL '1 day'));
  INSERT INTO readings SELECT t, 'd' || (i % 2), i
    FROM generate_series('2026-01-01Z'::timestamptz, '2026-01-03 23:00Z', '1 hour') WITH ORDINALITY AS g(t, i)`;

const table = { table: "readings" };
const buckets = { ...table, bucket: "1 day", start: "2026-01-01", end: "2026-01-05", group_by: ["device"] };
const maximum = { ...buckets, aggregates: [{ function: "max", column: "value" }] };

/** Hypertables, chunks, buckets and SQL on a real TimescaleDB; what the licence leaves out says so. */
export const timescaledb: ServerProof = {
  // A statement that never ends would take the usual 20 seconds.
  options: () => ({ statementTimeout: 3 }),
  prove(fleet) {
    beforeAll(() => void psql(fleet, DATA));

    test.each(transports)("answers every tool: %s", async (transport) => {
      const client = await fleet.connect(transport, "timescaledb");
      const call = async (name: string, args: Record<string, unknown> = {}) => {
        const { text, isError } = await callText(client, name, args);
        if (isError) throw new Error(`${name}: ${text}`);
        return JSON.parse(text);
      };
      const info = await call("get_timescaledb_info");
      expect(info).toMatchObject({ database: "timescale_db", role: "timescale_reader", hypertables: 1, chunks: 3 });
      expect((await call("list_hypertables")).hypertables).toMatchObject([
        { schema: "public", name: "readings", chunks: 3, compressed_chunks: 0, dimensions: [{ interval: "1 day" }] },
      ]);
      expect(await call("describe_hypertable", table)).toMatchObject({
        columns: [{ name: "time" }, { name: "device" }, { name: "value", type: "double precision" }],
        indexes: [{ name: "readings_time_idx" }],
        oldest: "2026-01-01T00:00:00Z",
        newest: "2026-01-04T00:00:00Z",
      });
      const { chunks } = await call("list_chunks", table);
      expect(chunks).toMatchObject([
        { range_start: "2026-01-03T00:00:00Z", compressed: false },
        { range_start: "2026-01-02T00:00:00Z", compressed: false },
        { range_start: "2026-01-01T00:00:00Z", range_end: "2026-01-02T00:00:00Z", compressed: false },
      ]);
      const bytes = chunks.reduce((sum: number, chunk: { total_bytes: number }) => sum + chunk.total_bytes, 0);
      const sizes = await call("get_hypertable_sizes", table);
      expect(sizes).toMatchObject({ chunks: 3, compression: null });
      // The hypertable's own, empty relations count, too.
      expect(sizes.total_bytes).toBeGreaterThanOrEqual(bytes);
      expect((await call("list_jobs")).jobs[0]).toMatchObject({ kind: "other", scheduled: true });
      expect((await call("query_time_buckets", maximum)).rows).toEqual([
        ["2026-01-01T00:00:00Z", "d0", 24],
        ["2026-01-01T00:00:00Z", "d1", 23],
        ["2026-01-02T00:00:00Z", "d0", 48],
        ["2026-01-02T00:00:00Z", "d1", 47],
        ["2026-01-03T00:00:00Z", "d0", 72],
        ["2026-01-03T00:00:00Z", "d1", 71],
      ]);
      expect((await call("query", { sql: "SELECT count(*), max(time) FROM readings" })).rows).toEqual([
        [72, "2026-01-03T23:00:00Z"],
      ]);

      const community: [string, Record<string, unknown>][] = [
        ["get_compression", table],
        ["list_continuous_aggregates", {}],
        ["query_time_buckets", { ...maximum, gapfill: "locf" }],
      ];
      for (const [name, args] of community) {
        if (info.license === "timescale") await call(name, args);
        else {
          const { text, isError } = await callText(client, name, args);
          expect(isError).toBe(true);
          expect(text).toContain(
            `needs the Community Edition; this is TimescaleDB ${info.timescaledb_version} with the licence "apache"`,
          );
        }
      }
      await client.close();
    });

    test("cannot write, as a server and as a role", async () => {
      const client = await fleet.connect("v1 over Streamable HTTP", "timescaledb");
      const refusal = async (sql: string) => (await callText(client, "query", { sql })).text;
      expect(await refusal("DELETE FROM readings")).toContain("the statement begins with DELETE");
      expect(await refusal("SELECT 1; DROP TABLE readings")).toContain("cannot insert multiple commands");
      expect(await refusal("SELECT drop_chunks('readings', older_than => now())")).toContain("read-only transaction");
      expect(await refusal("SELECT pg_sleep(60)")).toContain("statement timeout");
      expect(await refusal("SELECT pg_read_file('/etc/passwd')")).toContain("permission denied");
      await client.close();
      const asReader = (sql: string) => () => psql(fleet, `SET ROLE timescale_reader; ${sql}`);
      expect(asReader("DELETE FROM readings")).toThrow("permission denied for table readings");
      expect(asReader("SELECT drop_chunks('readings', older_than => now())")).toThrow("must be owner");
      expect(asReader("CREATE TABLE mine (n int)")).toThrow("permission denied for schema public");
      expect(psql(fleet, "SELECT count(*) FROM readings").trim()).toBe("72");
    });

    test("says so when the database is away, and is back with it", async () => {
      const client = await fleet.connect("v1 over Streamable HTTP", "timescaledb");
      const ask = () => callText(client, "query", { sql: "SELECT 1 AS one" });
      docker("stop", "-t", "10", fleet.backend("timescaledb"));
      const { text, isError } = await ask();
      expect([isError, text]).toEqual([true, expect.stringContaining("the database does not answer")]);
      docker("start", fleet.backend("timescaledb"));
      for (let tries = 0; tries < 60 && (await ask()).isError; tries++) await sleep(500);
      expect(JSON.parse((await ask()).text).rows).toEqual([[1]]);
      await client.close();
    });
  },
};
