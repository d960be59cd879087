import { beforeAll, describe, expect, test } from "vitest";
import { connect, type TestClient } from "./fixtures/client.ts";
import type { PgliteDatabase } from "./fixtures/pglite-database.ts";
import { METRICS, startTimescale } from "./fixtures/timescale.ts";

let database: PgliteDatabase;
let client: TestClient;

beforeAll(async () => {
  const started = await startTimescale(`${METRICS};
    CREATE TABLE counts (at bigint NOT NULL, n int);
    SELECT create_hypertable('counts', by_range('at', 100));
    INSERT INTO counts SELECT i, i FROM generate_series(0, 249) i;
    CREATE TABLE plain (id int, at timestamp, v numeric);
    INSERT INTO plain VALUES (1, '2026-01-01 00:30', 1.5), (2, '2026-01-01 00:40', 2.25)`);
  database = started.database;
  client = await connect(database);
}, 120_000);

describe("query_time_buckets", () => {
  const day = { table: "metrics", bucket: "1 day", start: "2026-01-01", end: "2026-01-03" };

  test("aggregates by bucket, and shows the statement", async () => {
    const aggregates = [{ function: "avg", column: "value" }, { function: "count" }];
    expect(await client.call("query_time_buckets", { ...day, aggregates })).toEqual({
      columns: [
        { name: "bucket", type: "timestamp with time zone" },
        { name: "avg_value", type: "double precision" },
        { name: "count", type: "bigint" },
      ],
      rows: [
        ["2026-01-01T00:00:00Z", 12.5, 24],
        ["2026-01-02T00:00:00Z", 36.5, 24],
      ],
      row_count: 2,
      truncated: false,
      range: { start: "2026-01-01T00:00:00.000Z", end: "2026-01-03T00:00:00.000Z" },
      sql:
        'SELECT public.time_bucket(INTERVAL \'1 day\', "time") AS "bucket", avg("value") AS "avg_value", ' +
        'count(*) AS "count" FROM "public"."metrics" WHERE "time" >= $1::timestamptz AND "time" < $2::timestamptz ' +
        "GROUP BY 1 ORDER BY 1 LIMIT 501",
      parameters: ["2026-01-01T00:00:00.000Z", "2026-01-03T00:00:00.000Z"],
    });
  });

  test("groups, filters, sorts and cuts off", async () => {
    const { columns, rows, truncated } = await client.call("query_time_buckets", {
      ...day,
      bucket: "12 hours",
      aggregates: [
        { function: "avg", column: 'Odd "name', as: "mean" },
        { function: "percentile", column: "value", fraction: 0.5 },
        { function: "first", column: "value" },
        { function: "last", column: "value" },
        { function: "count_distinct", column: "device" },
      ],
      group_by: ["device"],
      filters: [
        { column: "device", operator: "in", values: ["d0", "d1", "'; DROP TABLE metrics; --"] },
        { column: "value", operator: ">", value: 3 },
        { column: 'Odd "name', operator: "is not null" },
        { column: "device", operator: "like", value: "d%" },
      ],
      order: "desc",
      limit: 3,
    });
    expect(columns.map((it: { name: string }) => it.name)).toEqual([
      "bucket",
      "device",
      "mean",
      "p50_value",
      "first_value",
      "last_value",
      "count_distinct_device",
    ]);
    expect(rows).toEqual([
      ["2026-01-02T12:00:00Z", "d0", 43.5, 43.5, 39, 48, 1],
      ["2026-01-02T12:00:00Z", "d1", 41.5, 41.5, 37, 46, 1],
      ["2026-01-02T00:00:00Z", "d0", 31.5, 31.5, 27, 36, 1],
    ]);
    expect(truncated).toBe(true);
  });

  test("fills gaps with nothing, the last value or a line", async () => {
    const gaps = { table: "counts", bucket: 100, start: 200, end: 500, aggregates: [{ function: "max", column: "n" }] };
    const filled = async (gapfill: string) => (await client.call("query_time_buckets", { ...gaps, gapfill })).rows;
    expect(await filled("none")).toEqual([[200, 249]]);
    expect(await filled("null")).toEqual([
      [200, 249],
      [300, null],
      [400, null],
    ]);
    expect(await filled("locf")).toEqual([
      [200, 249],
      [300, 249],
      [400, 249],
    ]);
    const line = await client.call("query_time_buckets", {
      ...day,
      bucket: "6 hours",
      end: "2026-01-02",
      filters: [{ column: "value", operator: "in", values: [1, 13, 24] }],
      aggregates: [{ function: "max", column: "value" }],
      gapfill: "interpolate",
    });
    expect(line.rows.map(([, value]: unknown[]) => value)).toEqual([1, 7, 13, 24]);
    expect(await client.fail("query_time_buckets", { ...gaps, start: undefined, gapfill: "locf" })).toBe(
      "gapfill needs both ends of the time range; give `start` and `end`, or `last`",
    );
  });

  test("begins days at midnight of a time zone", async () => {
    const { rows } = await client.call("query_time_buckets", {
      ...day,
      timezone: "Europe/Berlin",
      aggregates: [{ function: "count" }],
    });
    expect(rows).toEqual([
      ["2025-12-31T23:00:00Z", 23],
      ["2026-01-01T23:00:00Z", 24],
      ["2026-01-02T23:00:00Z", 1],
    ]);
  });

  test("takes the time back from now, by the clock of the database", async () => {
    const { range, rows } = await client.call("query_time_buckets", {
      table: "metrics",
      bucket: "1 month",
      last: "2 hours",
      aggregates: [{ function: "count" }],
    });
    expect(Date.parse(range.end) - Date.parse(range.start)).toBe(2 * 3_600_000);
    expect(rows).toEqual([]);
  });

  test("takes any table whose time column it is told", async () => {
    const plain = { table: "plain", bucket: "1 hour", aggregates: [{ function: "sum", column: "v" }] };
    expect((await client.call("query_time_buckets", { ...plain, time_column: "at" })).rows).toEqual([
      ["2026-01-01T00:00:00", 3.75],
    ]);
    expect(await client.fail("query_time_buckets", plain)).toBe(
      '"public.plain" is no hypertable; name its `time_column`',
    );
    expect(await client.fail("query_time_buckets", { ...plain, time_column: "v" })).toBe(
      'the time column "v" has the type numeric; name a column with a time, a date or an integer',
    );
  });

  test.each([
    [
      { aggregates: [{ function: "avg", column: 'value") FROM pg_authid; --' }] },
      'the table "metrics" has no column "value") FROM pg_authid; --"; it has "time", "device", "value", "Odd "name"',
    ],
    [{ aggregates: [{ function: "avg" }] }, "the aggregate avg needs a `column`"],
    [
      { aggregates: [{ function: "percentile", column: "value" }] },
      "the aggregate percentile needs a `fraction`, such as 0.95",
    ],
    [
      { aggregates: [{ function: "count" }, { function: "count" }] },
      'two columns of the result are called "count"; name the aggregates with `as`',
    ],
    [{ filters: [{ column: "value", operator: "=" }] }, 'the filter on "value" with `=` needs a `value`'],
    [{ bucket: 5 }, 'the time column "time" is a timestamptz; give an interval such as `1 hour`, not 5'],
    [{ last: "1 day" }, "give `last`, or `start` and `end`, not both"],
  ])("says what is wrong: %o", async (wrong, message) => {
    expect(await client.fail("query_time_buckets", { ...day, aggregates: [{ function: "count" }], ...wrong })).toBe(
      message,
    );
  });

  test("takes no interval that is more than one", async () => {
    const args = { ...day, bucket: "1 day'; DROP TABLE metrics; --", aggregates: [{ function: "count" }] };
    expect(await client.fail("query_time_buckets", args)).toContain("must be an interval such as");
  });
});

describe("query", () => {
  test("gives values as JSON has them, and as text where it has not", async () => {
    const sql = `SELECT 1 AS a, 9007199254740993 AS b, 1.50 AS c, 0.12345678901234567890 AS d, '{"x":1}'::jsonb AS e,
      true AS f, NULL AS g, '2026-01-01 12:00+02'::timestamptz AS h, 'NaN'::float8 AS i, '1 day'::interval AS j`;
    const { columns, rows, row_count, truncated } = await client.call("query", { sql });
    expect(columns.map((it: { type: string }) => it.type)).toEqual([
      "integer",
      "bigint",
      "numeric",
      "numeric",
      "jsonb",
      "boolean",
      "text",
      "timestamp with time zone",
      "double precision",
      "interval",
    ]);
    expect(rows).toEqual([
      [
        1,
        "9007199254740993",
        1.5,
        "0.1234567890123456789",
        { x: 1 },
        true,
        null,
        "2026-01-01T10:00:00Z",
        "NaN",
        "1 day",
      ],
    ]);
    expect([row_count, truncated]).toEqual([1, false]);
  });

  test("stops at its limits of rows and bytes", async () => {
    const many = await client.call("query", { sql: "SELECT generate_series(1, 1000000000)", limit: 250 });
    expect([many.row_count, many.truncated, many.rows[249]]).toEqual([250, true, [250]]);
    const exact = await client.call("query", { sql: "SELECT * FROM generate_series(1, 200) n", limit: 200 });
    expect([exact.row_count, exact.truncated]).toEqual([200, false]);
    const small = await connect(database, { rows: 20, bytes: 1_000 });
    const wide = await small.call("query", { sql: "SELECT repeat('x', 96) FROM generate_series(1, 15)" });
    expect([wide.row_count, wide.truncated]).toEqual([9, true]);
    expect((await small.call("query", { sql: "SELECT 1 FROM generate_series(1, 30)" })).row_count).toBe(20);
    const [[long]] = (await client.call("query", { sql: "SELECT repeat('x', 5000)" })).rows;
    expect(long).toBe(`${"x".repeat(4_000)}… (cut: 5000 characters)`);
  });

  test.each([
    ["SHOW timezone", [["UTC"]]],
    ["VALUES (1), (2)", [[1], [2]]],
    ["WITH x AS (SELECT 5 AS n) SELECT n FROM x;", [[5]]],
    ["/* of */ -- here\n (SELECT 7)", [[7]]],
    ["TABLE plain ORDER BY id LIMIT 1", [[1, "2026-01-01T00:30:00", 1.5]]],
  ])("runs %s", async (sql, rows) => {
    expect((await client.call("query", { sql })).rows).toEqual(rows);
  });

  test.each([
    [
      "DELETE FROM metrics",
      "the statement begins with DELETE; this tool runs SELECT, WITH, VALUES, TABLE, EXPLAIN, SHOW only",
    ],
    ["SELECT 1; DROP TABLE metrics", "cannot insert multiple commands into a prepared statement"],
    ["SHOW timezone; DROP TABLE metrics", "cannot insert multiple commands into a prepared statement"],
    ["WITH x AS (DELETE FROM metrics RETURNING *) SELECT * FROM x", "must not contain data-modifying statements"],
    ["EXPLAIN ANALYZE DELETE FROM metrics", "cannot execute DELETE in a read-only transaction"],
    ["SELECT * FROM metrics FOR UPDATE", "read-only transaction"],
    ["SELECT 1 INTO other", "SELECT ... INTO is not allowed here"],
    ["SELECT drop_chunks('metrics', older_than => now())", "cannot execute drop_chunks() in a read-only transaction"],
    [
      "SELECT set_config('transaction_read_only', 'off', false)",
      "transaction read-write mode must be set before any query",
    ],
    ["SELECT nope FROM metrics", 'column "nope" does not exist [42703]; look at describe_hypertable for the columns'],
    ["", "Too small"],
  ])("refuses %s", async (sql, message) => {
    expect(await client.fail("query", { sql })).toContain(message);
  });

  test("leaves all as it was", async () => {
    expect((await client.call("query", { sql: "SELECT count(*) FROM metrics" })).rows).toEqual([[240]]);
    expect((await client.call("query", { sql: "SHOW transaction_read_only" })).rows).toEqual([["on"]]);
  });
});
