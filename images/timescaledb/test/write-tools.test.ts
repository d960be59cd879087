import { beforeAll, describe, expect, test } from "vitest";
import { connect, type TestClient } from "./fixtures/client.ts";
import { METRICS, startTimescale } from "./fixtures/timescale.ts";

let client: TestClient;

beforeAll(async () => {
  const { database } = await startTimescale(`${METRICS};
    CREATE TABLE bare (at timestamptz NOT NULL, v int);
    INSERT INTO bare VALUES ('2026-01-01', 1), ('2026-02-01', 2);
    CREATE TABLE numbered (n int NOT NULL, v int);
    CREATE MATERIALIZED VIEW daily WITH (timescaledb.continuous) AS
      SELECT time_bucket('1 day', time) AS day, count(*) AS n FROM metrics GROUP BY 1 WITH NO DATA`);
  client = await connect(database, { writable: true });
}, 120_000);

const chunks = async (table: string): Promise<number> => (await client.call("list_chunks", { table })).total;
const jobs = async (table: string): Promise<string[]> =>
  (await client.call("list_jobs", { table })).jobs.map(({ kind }: { kind: string }) => kind);

test("changing tools are annotated as what they are", async () => {
  const { tools } = await client.client.listTools();
  const changing = tools.filter(({ annotations }) => annotations?.readOnlyHint === false);
  expect(Object.fromEntries(changing.map(({ name, annotations }) => [name, annotations?.destructiveHint]))).toEqual({
    create_hypertable: false,
    drop_chunks: true,
    add_retention_policy: true,
    remove_retention_policy: false,
    add_compression_policy: false,
    remove_compression_policy: false,
    refresh_continuous_aggregate: true,
  });
});

describe("create_hypertable", () => {
  const bare = { table: "bare", time_column: "at", chunk_interval: "1 day", migrate_data: true };
  const made = { schema: "public", name: "bare", time_column: "at", chunk_interval: "1 day" };

  test("tries and takes back, then makes one with the rows that are there", async () => {
    expect(await client.call("create_hypertable", { ...bare, dry_run: true })).toEqual({ ...made, dry_run: true });
    expect(await client.fail("list_chunks", { table: "bare" })).toContain("is no hypertable");
    expect(await client.call("create_hypertable", bare)).toEqual({ ...made, dry_run: false });
    expect(await chunks("bare")).toBe(2);
  });

  test("takes integers, and says what is wrong", async () => {
    const numbered = { table: "numbered", time_column: "n" };
    expect((await client.call("create_hypertable", { ...numbered, chunk_interval: 100 })).chunk_interval).toBe("100");
    expect(await client.fail("create_hypertable", { table: "metrics", time_column: "time" })).toBe(
      '"public.metrics" is a hypertable already; look at describe_hypertable',
    );
  });
});

test("drop_chunks only shows what it would drop, unless told otherwise", async () => {
  const bound = { table: "metrics", older_than: "2026-01-03" };
  const names = ["_timescaledb_internal._hyper_1_1_chunk", "_timescaledb_internal._hyper_1_2_chunk"];
  expect(await client.call("drop_chunks", bound)).toEqual({ chunks: names, count: 2, dry_run: true });
  expect(await chunks("metrics")).toBe(10);
  expect(await client.call("drop_chunks", { ...bound, dry_run: false })).toEqual({
    chunks: names,
    count: 2,
    dry_run: false,
  });
  expect(await chunks("metrics")).toBe(8);
  expect(await client.fail("drop_chunks", { table: "metrics" })).toContain("without them it would drop everything");
});

test("a retention policy is added once, and removed", async () => {
  const policy = { table: "metrics", drop_after: "90 days", schedule_interval: "6 hours" };
  expect(await client.call("add_retention_policy", { ...policy, dry_run: true })).toMatchObject({ dry_run: true });
  expect(await jobs("metrics")).toEqual([]);
  const { policy: added } = await client.call("add_retention_policy", policy);
  expect(added).toMatchObject({
    kind: "retention",
    table: "metrics",
    schedule_interval: "06:00:00",
    config: { drop_after: "90 days" },
  });
  expect(await client.fail("add_retention_policy", policy)).toBe(
    `"public.metrics" has a retention policy already (job ${added.job_id}); remove it with remove_retention_policy first`,
  );
  expect((await client.call("remove_retention_policy", { table: "metrics" })).removed.job_id).toBe(added.job_id);
  expect(await client.fail("remove_retention_policy", { table: "metrics" })).toBe(
    '"public.metrics" has no retention policy; look at list_jobs',
  );
});

test("a compression policy enables compression where it is asked to", async () => {
  const policy = { table: "bare", compress_after: "7 days" };
  expect(await client.fail("add_compression_policy", policy)).toBe(
    'compression is not enabled on "public.bare"; give `enable` to enable it along',
  );
  const enable = { segment_by: ["v"], order_by: [{ column: "at", direction: "desc" }] };
  const { policy: added } = await client.call("add_compression_policy", { ...policy, enable });
  expect(added).toMatchObject({ kind: "compression", config: { compress_after: "7 days" } });
  expect(await client.call("get_compression", { table: "bare" })).toMatchObject({
    enabled: true,
    settings: { segment_by: "v", order_by: "at DESC" },
    policy: { job_id: added.job_id },
  });
  await client.call("remove_compression_policy", { table: "bare" });
  expect(await jobs("bare")).toEqual([]);
});

test("refresh_continuous_aggregate materialises a range", async () => {
  const range = { table: "daily", start: "2026-01-04", end: "2026-01-07" };
  expect(await client.call("refresh_continuous_aggregate", range)).toEqual({
    schema: "public",
    name: "daily",
    start: "2026-01-04",
    end: "2026-01-07",
  });
  expect((await client.call("query", { sql: "SELECT * FROM daily ORDER BY 1" })).rows).toEqual([
    ["2026-01-04T00:00:00Z", 24],
    ["2026-01-05T00:00:00Z", 24],
    ["2026-01-06T00:00:00Z", 24],
  ]);
  expect(await client.fail("refresh_continuous_aggregate", { table: "metrics" })).toBe(
    '"public.metrics" is no continuous aggregate; list_continuous_aggregates names those that there are',
  );
});

test("query only reads here, too", async () => {
  expect(await client.fail("query", { sql: "EXPLAIN ANALYZE DELETE FROM metrics" })).toContain("read-only transaction");
});
