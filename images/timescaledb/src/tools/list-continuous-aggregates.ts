import { z } from "zod";
import type { Session } from "../database/database.ts";
import { qualified, quoted } from "../database/identifiers.ts";
import { objects } from "../database/values.ts";
import { type Job, job, jobsOf } from "../timescale/jobs.ts";
import { timeKind } from "../timescale/time.ts";
import { requireCommunity, timescale } from "../timescale/timescale.ts";
import { defineTool } from "../tool.ts";
import { paged } from "./paged.ts";
import { page, pageOutput, tableName } from "./schemas.ts";

const aggregate = z.object({
  schema: z.string(),
  name: z.string(),
  owner: z.string(),
  source: z.object({ schema: z.string(), name: z.string() }).describe("The hypertable that it is made from."),
  definition: z.string().describe("Its SELECT; cut after 4,000 characters."),
  materialized_only: z.boolean().describe("True: what is newer than `materialized_until` is missing from queries."),
  compression_enabled: z.boolean(),
  materialized_until: z.string().nullable().describe("Null: nothing has been materialised yet."),
  newest_source: z.string().nullable().describe("Newest time in the source; null if it is empty or may not be read."),
  lag: z
    .number()
    .nullable()
    .describe("How far the materialised part is behind the source: seconds, or units of an integer time column."),
  refresh_policy: job.nullable().describe("Null: nothing refreshes it by itself."),
});

// Times are kept as whole numbers: microseconds since 1970 for times, the values themselves for integers.
const LIST = `
  SELECT a.view_schema AS schema, a.view_name AS name, a.view_owner AS owner,
    json_build_object('schema', a.hypertable_schema, 'name', a.hypertable_name) AS source,
    left(a.view_definition, 4000) AS definition, a.materialized_only, a.compression_enabled,
    d.column_name AS source_column, d.column_type::text AS source_type,
    a.materialization_hypertable_schema AS behind_schema, a.materialization_hypertable_name AS behind_name,
    CASE WHEN w.watermark > -210866803200000000 THEN w.watermark::text END AS watermark,
    has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(r.oid, 'SELECT') AS readable
  FROM timescaledb_information.continuous_aggregates a
  JOIN timescaledb_information.dimensions d ON d.hypertable_schema = a.hypertable_schema
    AND d.hypertable_name = a.hypertable_name AND d.dimension_number = 1
  JOIN pg_namespace n ON n.nspname = a.hypertable_schema
  JOIN pg_class r ON r.relnamespace = n.oid AND r.relname = a.hypertable_name
  JOIN _timescaledb_catalog.hypertable m ON m.schema_name = a.materialization_hypertable_schema
    AND m.table_name = a.materialization_hypertable_name
  LEFT JOIN _timescaledb_catalog.continuous_aggs_watermark w ON w.mat_hypertable_id = m.id
  WHERE ($1::text IS NULL OR a.view_name = $1::text OR a.hypertable_name = $1::text)
    AND ($2::text IS NULL OR a.view_schema = $2::text)
  ORDER BY a.view_schema, a.view_name`;

type Listed = Pick<
  z.output<typeof aggregate>,
  "schema" | "name" | "owner" | "source" | "definition" | "materialized_only" | "compression_enabled"
> & {
  readonly source_column: string;
  readonly source_type: string;
  readonly behind_schema: string;
  readonly behind_name: string;
  readonly watermark: string | null;
  readonly readable: boolean;
};

/** Where the materialised part ends, where the source does, and what is between. */
async function progress(session: Session, listed: Listed) {
  const { source, source_column, source_type, watermark, readable } = listed;
  const integers = timeKind(source_type) === "integer";
  const newest = readable ? `(SELECT max(${quoted(source_column)}) FROM ${qualified(source)})` : "NULL";
  const until = integers ? "$1::text::bigint" : "to_timestamp($1::text::numeric / 1000000)";
  const type = integers ? "bigint" : source_type === "date" ? "date" : source_type;
  const behind = integers ? "newest - until" : "extract(epoch FROM newest::timestamptz - until)";
  const text = (column: string) => (integers ? `${column}::text` : `to_json(${column}::timestamptz) #>> '{}'`);
  const [row] = await objects<Pick<z.output<typeof aggregate>, "materialized_until" | "newest_source" | "lag">>(
    session,
    `SELECT ${text("until")} AS materialized_until, ${text("newest")} AS newest_source,
       greatest(${behind}, 0)::float8 AS lag
     FROM (SELECT ${until} AS until, ${newest}::${type} AS newest) ends`,
    [watermark],
  );
  if (row === undefined) throw new Error("a SELECT without FROM gave no row");
  // `greatest` leaves nulls out, so without an end on either side it would say 0.
  return { ...row, lag: row.materialized_until === null || row.newest_source === null ? null : row.lag };
}

export const listContinuousAggregates = defineTool({
  name: "list_continuous_aggregates",
  title: "Continuous aggregates",
  description:
    "Lists continuous aggregates: definition, source, up to when they are materialised, how far that is behind the " +
    "newest data, and their refresh policy with its last run.",
  effect: "read",
  input: z.strictObject({
    table: tableName.table.optional().describe("Only this one, or those made from this hypertable."),
    schema: z.string().max(63).optional().describe("Only those of this schema."),
    ...page,
    limit: z.int().min(1).max(100).default(20).describe("Entries to return at most."),
  }),
  output: z.object({ ...pageOutput, continuous_aggregates: z.array(aggregate) }),
  run: ({ database }, { table, schema, limit, offset }) =>
    database.read(async (session) => {
      requireCommunity(await timescale(session), "a list of continuous aggregates");
      const { total, rows } = await paged<Listed>(session, LIST, [table ?? null, schema ?? null], { limit, offset });
      const continuous_aggregates: z.output<typeof aggregate>[] = [];
      for (const listed of rows) {
        const {
          source_column: _c,
          source_type: _t,
          behind_schema,
          behind_name,
          watermark: _w,
          readable: _r,
          ...shown
        } = listed;
        const jobs: Job[] = await jobsOf(session, [listed, { schema: behind_schema, name: behind_name }]);
        continuous_aggregates.push({
          ...shown,
          ...(await progress(session, listed)),
          refresh_policy: jobs.find(({ kind }) => kind === "refresh") ?? null,
        });
      }
      return { total, continuous_aggregates };
    }),
});
