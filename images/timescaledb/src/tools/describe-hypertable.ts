import { z } from "zod";
import type { Session } from "../database/database.ts";
import { objects } from "../database/values.ts";
import { compressionSettings, compressionStats } from "../timescale/compression.ts";
import { job, jobsOf } from "../timescale/jobs.ts";
import { findHypertable, type Hypertable } from "../timescale/relations.ts";
import { type Timescale, timescale } from "../timescale/timescale.ts";
import { defineTool } from "../tool.ts";
import { compression } from "./get-hypertable-sizes.ts";
import { dimension, sizes, tableName } from "./schemas.ts";

const output = z.object({
  schema: z.string(),
  name: z.string(),
  kind: z.enum(["hypertable", "continuous_aggregate"]),
  owner: z.string(),
  comment: z.string().nullable(),
  columns: z.array(
    z.object({ name: z.string(), type: z.string(), not_null: z.boolean(), default: z.string().nullable() }),
  ),
  indexes: z.array(z.object({ name: z.string(), definition: z.string() })),
  dimensions: z.array(dimension),
  approximate_rows: z.number().describe("By the statistics of the last ANALYZE or VACUUM; 0 where there was none yet."),
  chunks: z.number(),
  oldest: z.string().nullable().describe("Where the oldest chunk begins."),
  newest: z.string().nullable().describe("Where the newest chunk ends."),
  ...sizes,
  compression_settings: z.object({ segment_by: z.string().nullable(), order_by: z.string().nullable() }).nullable(),
  compression,
  continuous_aggregates: z.array(z.object({ schema: z.string(), name: z.string() })).describe("Those made from it."),
  policies: z.array(job.pick({ job_id: true, kind: true, schedule_interval: true, scheduled: true, config: true })),
});

const TABLE = (functions: string) => `
  SELECT pg_get_userbyid(c.relowner) AS owner, obj_description(c.oid, 'pg_class') AS comment,
    ${functions}.approximate_row_count(c.oid::regclass) AS approximate_rows,
    (SELECT json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
        'not_null', a.attnotnull, 'default', pg_get_expr(v.adbin, v.adrelid)) ORDER BY a.attnum)
      FROM pg_attribute a LEFT JOIN pg_attrdef v ON v.adrelid = a.attrelid AND v.adnum = a.attnum
      WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
    (SELECT coalesce(json_agg(json_build_object('name', r.relname, 'definition', pg_get_indexdef(r.oid))
        ORDER BY r.relname), '[]')
      FROM pg_index x JOIN pg_class r ON r.oid = x.indexrelid WHERE x.indrelid = c.oid) AS indexes,
    s.total_bytes, s.table_bytes, s.index_bytes, s.toast_bytes
  FROM pg_class c LEFT JOIN LATERAL ${functions}.hypertable_detailed_size(c.oid::regclass) s ON true
  WHERE c.oid = $1::text::oid`;

// The dimensions of what is behind a continuous aggregate are in the view, the hypertable itself is not.
const PARTS = `
  SELECT
    (SELECT json_agg(json_build_object('column', column_name, 'type', column_type::text, 'kind', lower(dimension_type),
        'interval', coalesce(time_interval::text, integer_interval::text), 'partitions', num_partitions)
        ORDER BY dimension_number)
      FROM timescaledb_information.dimensions WHERE hypertable_schema = $1::text AND hypertable_name = $2::text
    ) AS dimensions,
    (SELECT coalesce(json_agg(json_build_object('schema', view_schema, 'name', view_name) ORDER BY 1, 2), '[]')
      FROM (SELECT view_schema, view_name FROM timescaledb_information.continuous_aggregates
        WHERE hypertable_schema = $1::text AND hypertable_name = $2::text ORDER BY 1, 2) a) AS continuous_aggregates,
    k.chunks, k.oldest, k.newest
  FROM (SELECT count(*) AS chunks,
      coalesce(to_json(min(range_start)) #>> '{}', min(range_start_integer)::text) AS oldest,
      coalesce(to_json(max(range_end)) #>> '{}', max(range_end_integer)::text) AS newest
    FROM timescaledb_information.chunks WHERE hypertable_schema = $1::text AND hypertable_name = $2::text) k`;

async function describe(session: Session, found: Timescale, table: Hypertable): Promise<z.output<typeof output>> {
  const { schema, name } = table.asked;
  const [facts] = await objects<z.output<typeof output>>(session, TABLE(found.schema), [table.oid]);
  const [parts] = await objects<z.output<typeof output>>(session, PARTS, [table.schema, table.name]);
  if (facts === undefined || parts === undefined) throw new Error("a table of the catalogue is gone from it");
  const policies = await jobsOf(session, [table, table.asked]);
  return {
    ...facts,
    ...parts,
    schema,
    name,
    kind: table.kind,
    compression_settings: await compressionSettings(session, table),
    compression: await compressionStats(session, found, table),
    policies: policies.map(({ job_id, kind, schedule_interval, scheduled, config }) => ({
      job_id,
      kind,
      schedule_interval,
      scheduled,
      config,
    })),
  };
}

export const describeHypertable = defineTool({
  name: "describe_hypertable",
  title: "One hypertable",
  description:
    "All about one hypertable or continuous aggregate: columns, indexes, dimensions, number and range of its chunks, " +
    "sizes, compression, the continuous aggregates made from it, and its policies.",
  effect: "read",
  input: z.strictObject(tableName),
  output,
  run: ({ database }, name) =>
    database.read(async (session) => {
      const found = await timescale(session);
      return describe(session, found, await findHypertable(session, name));
    }),
});
