import { PGlite } from "@electric-sql/pglite";
import { beforeAll, expect, test } from "vitest";
import { timescale } from "../src/timescale/timescale.ts";
import { readTools, writeTools } from "../src/tools/registry.ts";
import { connect, type TestClient } from "./fixtures/client.ts";
import { PgliteDatabase } from "./fixtures/pglite-database.ts";

// Plain Postgres: nothing of TimescaleDB is there.
let client: TestClient;
let database: PgliteDatabase;

beforeAll(async () => {
  database = new PgliteDatabase(await PGlite.create());
  client = await connect(database, { writable: true });
}, 60_000);

const MESSAGE =
  /^the database "\w+" \(PostgreSQL \d+[\d.]*\) does not have the extension timescaledb; whoever runs the server must install TimescaleDB \(for example with the image timescale\/timescaledb\), add it to shared_preload_libraries and run CREATE EXTENSION timescaledb$/;

const table = { table: "t" };
const ARGUMENTS: Readonly<Record<string, Record<string, unknown>>> = {
  describe_hypertable: table,
  list_chunks: table,
  get_hypertable_sizes: table,
  get_compression: table,
  query_time_buckets: { ...table, bucket: "1 hour", aggregates: [{ function: "count" }] },
  create_hypertable: { ...table, time_column: "at" },
  drop_chunks: { ...table, older_than: "2026-01-01" },
  add_retention_policy: { ...table, drop_after: "1 day" },
  remove_retention_policy: table,
  add_compression_policy: { ...table, compress_after: "1 day" },
  remove_compression_policy: table,
  refresh_continuous_aggregate: table,
};

test.each([...readTools, ...writeTools].map(({ name }) => name).filter((name) => name !== "query"))(
  "%s says that the extension is absent, and what to do",
  async (name) => {
    expect(await client.fail(name, ARGUMENTS[name] ?? {})).toMatch(MESSAGE);
  },
);

test("health says the same, and plain SQL goes on working", async () => {
  await expect(database.read(timescale)).rejects.toThrow(MESSAGE);
  expect((await client.call("query", { sql: "SELECT 1 AS one" })).rows).toEqual([[1]]);
});
