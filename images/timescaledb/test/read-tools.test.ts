import { beforeAll, describe, expect, test } from "vitest";
import { readTools } from "../src/tools/registry.ts";
import { connect, type TestClient } from "./fixtures/client.ts";
import type { PgliteDatabase } from "./fixtures/pglite-database.ts";
import { failedRuns, METRICS, startTimescale } from "./fixtures/timescale.ts";

let database: PgliteDatabase;
let client: TestClient;

beforeAll(async () => {
  const started = await startTimescale(`${METRICS};
    CREATE TABLE counts (at bigint NOT NULL, n int);
    SELECT create_hypertable('counts', by_range('at', 100));
    INSERT INTO counts SELECT i, i FROM generate_series(0, 249) i;
    CREATE SCHEMA "Other one";
    CREATE TABLE "Other one"."Two.Dots" (day date NOT NULL, zone int);
    SELECT create_hypertable('"Other one"."Two.Dots"', by_range('day', INTERVAL '30 days'));
    SELECT add_dimension('"Other one"."Two.Dots"', by_hash('zone', 2));
    CREATE TABLE plain (id int, at timestamp, v numeric);
    INSERT INTO plain VALUES (1, '2026-01-01 00:30', 1.5), (2, '2026-01-01 00:40', 2.25);
    CREATE MATERIALIZED VIEW daily WITH (timescaledb.continuous) AS
      SELECT time_bucket('1 day', time) AS day, device, avg(value) AS mean FROM metrics GROUP BY 1, 2 WITH NO DATA;
    CALL refresh_continuous_aggregate('daily', NULL, '2026-01-08');
    SELECT add_continuous_aggregate_policy('daily', INTERVAL '1 month', INTERVAL '1 hour', INTERVAL '1 hour');
    SELECT add_retention_policy('metrics', INTERVAL '90 days');
    SELECT add_compression_policy('metrics', INTERVAL '7 days');
    ${failedRuns(1001)}`);
  database = started.database;
  client = await connect(database);
}, 120_000);

test("offers the reading tools only, annotated as such, each with schemas for both ways", async () => {
  const { tools } = await client.client.listTools();
  expect(tools.map(({ name }) => name)).toEqual(readTools.map(({ name }) => name));
  for (const { annotations, inputSchema, outputSchema } of tools) {
    expect(annotations).toMatchObject({ readOnlyHint: true, destructiveHint: false, openWorldHint: false });
    expect(inputSchema.additionalProperties).toBe(false);
    expect(outputSchema?.type).toBe("object");
  }
});

test("get_timescaledb_info says what this build is and can do", async () => {
  expect(await client.call("get_timescaledb_info")).toEqual({
    timescaledb_version: "2.23.0-dev",
    license: "timescale",
    postgres_version: "17.5",
    database: "template1",
    role: "postgres",
    database_bytes: expect.any(Number),
    hypertables: 3,
    chunks: 15,
    continuous_aggregates: 1,
    jobs: 4,
    features: {
      compression: true,
      columnstore_names: true,
      continuous_aggregates: true,
      policies: true,
      gapfill: true,
    },
  });
});

describe("list_hypertables", () => {
  test("gives dimensions, chunks, sizes and compression", async () => {
    const { total, hypertables } = await client.call("list_hypertables", { schema: "public" });
    expect(total).toBe(2);
    expect(hypertables).toEqual([
      {
        schema: "public",
        name: "counts",
        owner: "postgres",
        chunks: 3,
        compressed_chunks: 0,
        compression_enabled: false,
        dimensions: [{ column: "at", type: "bigint", kind: "time", interval: "100", partitions: null }],
        total_bytes: 81_920,
        table_bytes: 24_576,
        index_bytes: 57_344,
        toast_bytes: 0,
      },
      expect.objectContaining({ name: "metrics", chunks: 10, compressed_chunks: 4, compression_enabled: true }),
    ]);
  });

  test("shows space dimensions and names as they are", async () => {
    const { hypertables } = await client.call("list_hypertables", { name_like: "two%" });
    expect(hypertables).toMatchObject([
      {
        schema: "Other one",
        name: "Two.Dots",
        chunks: 0,
        dimensions: [
          { column: "day", type: "date", kind: "time", interval: "30 days", partitions: null },
          { column: "zone", type: "integer", kind: "space", interval: null, partitions: 2 },
        ],
      },
    ]);
  });

  test("has pages", async () => {
    const { total, hypertables } = await client.call("list_hypertables", { limit: 1, offset: 2 });
    expect([total, hypertables[0].name]).toEqual([3, "metrics"]);
    expect(await client.fail("list_hypertables", { offset: 3 })).toBe(
      "offset 3 is beyond the last entry; use a smaller one",
    );
  });
});

describe("describe_hypertable", () => {
  test("gives columns, indexes, ranges, compression, aggregates and policies", async () => {
    expect(await client.call("describe_hypertable", { table: "metrics" })).toEqual({
      schema: "public",
      name: "metrics",
      kind: "hypertable",
      owner: "postgres",
      comment: "Readings",
      columns: [
        { name: "time", type: "timestamp with time zone", not_null: true, default: null },
        { name: "device", type: "text", not_null: true, default: null },
        { name: "value", type: "double precision", not_null: false, default: null },
        { name: 'Odd "name', type: "integer", not_null: false, default: null },
      ],
      indexes: [
        {
          name: "metrics_time_idx",
          definition: 'CREATE INDEX metrics_time_idx ON public.metrics USING btree ("time" DESC)',
        },
      ],
      dimensions: [
        { column: "time", type: "timestamp with time zone", kind: "time", interval: "1 day", partitions: null },
      ],
      approximate_rows: expect.any(Number),
      chunks: 10,
      oldest: "2026-01-01T00:00:00Z",
      newest: "2026-01-11T00:00:00Z",
      total_bytes: expect.any(Number),
      table_bytes: expect.any(Number),
      index_bytes: expect.any(Number),
      toast_bytes: expect.any(Number),
      compression_settings: { segment_by: "device", order_by: '"time" DESC' },
      compression: { compressed_chunks: 4, bytes_before: 131_072, bytes_after: 163_840, ratio: 0.8 },
      continuous_aggregates: [{ schema: "public", name: "daily" }],
      policies: [
        { job_id: 1001, kind: "retention", schedule_interval: "1 day", scheduled: true, config: expect.anything() },
        {
          job_id: 1002,
          kind: "compression",
          schedule_interval: "12:00:00",
          scheduled: true,
          config: expect.anything(),
        },
      ],
    });
  });

  test("takes a continuous aggregate, and a schema in front of a name", async () => {
    expect(await client.call("describe_hypertable", { table: "public.daily" })).toMatchObject({
      schema: "public",
      name: "daily",
      kind: "continuous_aggregate",
      columns: [{ name: "day" }, { name: "device" }, { name: "mean" }],
      compression_settings: null,
      policies: [{ job_id: 1000, kind: "refresh" }],
    });
    expect((await client.call("describe_hypertable", { table: "Two.Dots" })).schema).toBe("Other one");
  });

  test("says what is wrong with a name", async () => {
    expect(await client.fail("describe_hypertable", { table: "absent" })).toBe(
      'there is no table "absent"; list_hypertables names those that there are',
    );
    expect(await client.fail("describe_hypertable", { table: "plain" })).toBe(
      '"public.plain" is no hypertable; list_hypertables names those that there are',
    );
    expect(await client.fail("describe_hypertable", { table: "metrics", schema: "Other one" })).toBe(
      'there is no table "metrics" in the schema "Other one"; list_hypertables names those that there are',
    );
  });
});

describe("list_chunks", () => {
  test("gives ranges, newest first, and what compression did", async () => {
    const { total, chunks } = await client.call("list_chunks", { table: "metrics", limit: 1 });
    expect(total).toBe(10);
    expect(chunks).toEqual([
      {
        schema: "_timescaledb_internal",
        name: "_hyper_1_10_chunk",
        range_start: "2026-01-10T00:00:00Z",
        range_end: "2026-01-11T00:00:00Z",
        compressed: false,
        total_bytes: 32_768,
        bytes_before_compression: null,
        created_at: expect.stringMatching(/Z$/),
        tablespace: null,
      },
    ]);
    const oldest = await client.call("list_chunks", { table: "metrics", compressed: true, order: "oldest_first" });
    expect(oldest.total).toBe(4);
    expect(oldest.chunks[0]).toMatchObject({
      name: "_hyper_1_1_chunk",
      compressed: true,
      total_bytes: 57_344,
      bytes_before_compression: 32_768,
    });
  });

  test("takes bounds in the terms of the time column", async () => {
    const ofTime = await client.call("list_chunks", {
      table: "metrics",
      newer_than: "2026-01-02T00:00:00+00:00",
      older_than: "2026-01-04",
    });
    expect(ofTime.chunks.map((it: { range_start: string }) => it.range_start)).toEqual([
      "2026-01-03T00:00:00Z",
      "2026-01-02T00:00:00Z",
    ]);
    const ofNumbers = await client.call("list_chunks", { table: "counts", newer_than: 100 });
    expect(ofNumbers.chunks).toMatchObject([
      { range_start: "200", range_end: "300" },
      { range_start: "100", range_end: "200" },
    ]);
    expect(await client.fail("list_chunks", { table: "counts", newer_than: "2026-01-01" })).toBe(
      'the time column "at" is an integer; give a number, not "2026-01-01"',
    );
    expect(await client.fail("list_chunks", { table: "metrics", newer_than: 7 })).toBe(
      'the time column "time" is a timestamptz; give a time in ISO 8601, not 7',
    );
  });
});

test("get_hypertable_sizes adds up what list_hypertables shows", async () => {
  const [listed] = (await client.call("list_hypertables", { name_like: "metrics" })).hypertables;
  const { total_bytes, table_bytes, index_bytes, toast_bytes } = listed;
  expect(total_bytes).toBe(table_bytes + index_bytes + toast_bytes);
  expect(await client.call("get_hypertable_sizes", { table: "metrics" })).toEqual({
    schema: "public",
    name: "metrics",
    chunks: 10,
    total_bytes,
    table_bytes,
    index_bytes,
    toast_bytes,
    compression: { compressed_chunks: 4, bytes_before: 131_072, bytes_after: 163_840, ratio: 0.8 },
  });
});

test("get_compression gives settings, savings and policy, or that it is off", async () => {
  expect(await client.call("get_compression", { table: "metrics" })).toMatchObject({
    enabled: true,
    settings: { segment_by: "device", order_by: '"time" DESC' },
    stats: { compressed_chunks: 4, ratio: 0.8 },
    policy: { job_id: 1002, kind: "compression", config: { compress_after: "7 days" } },
  });
  expect(await client.call("get_compression", { table: "counts" })).toEqual({
    schema: "public",
    name: "counts",
    enabled: false,
    settings: null,
    stats: null,
    policy: null,
  });
});

test("list_continuous_aggregates gives the definition, how far it is, and its policy", async () => {
  const { total, continuous_aggregates } = await client.call("list_continuous_aggregates", { table: "metrics" });
  expect(total).toBe(1);
  expect(continuous_aggregates).toMatchObject([
    {
      schema: "public",
      name: "daily",
      source: { schema: "public", name: "metrics" },
      definition: expect.stringContaining("time_bucket('1 day'::interval"),
      materialized_only: true,
      materialized_until: "2026-01-08T00:00:00Z",
      newest_source: "2026-01-10T23:00:00Z",
      lag: 71 * 3_600,
      refresh_policy: { job_id: 1000, config: { start_offset: "1 mon", end_offset: "01:00:00" } },
    },
  ]);
});

test("list_jobs gives schedules, runs and failures, and can be narrowed", async () => {
  const kinds = (await client.call("list_jobs")).jobs.map((it: { kind: string }) => it.kind);
  expect(kinds).toEqual(["other", "refresh", "retention", "compression"]);
  expect((await client.call("list_jobs", { table: "daily" })).jobs).toMatchObject([{ job_id: 1000 }]);
  expect((await client.call("list_jobs", { kind: "compression" })).jobs).toMatchObject([{ job_id: 1002 }]);
  expect((await client.call("list_jobs", { failed_only: true })).jobs).toEqual([
    {
      job_id: 1001,
      kind: "retention",
      name: "Retention Policy [1001]",
      procedure: "_timescaledb_functions.policy_retention",
      owner: "postgres",
      schema: "public",
      table: "metrics",
      scheduled: true,
      schedule_interval: "1 day",
      config: { drop_after: "90 days", hypertable_id: 1 },
      next_start: "2026-01-10T11:00:00Z",
      last_run_started_at: "2026-01-10T10:00:00Z",
      last_run_status: "Failed",
      last_run_duration: "00:00:02",
      last_successful_finish: "2026-01-09T10:00:02Z",
      total_runs: 5,
      total_failures: 2,
      recent_errors: [{ at: "2026-01-10T10:00:02Z", sqlstate: "53100", message: "no space left" }],
    },
  ]);
});
