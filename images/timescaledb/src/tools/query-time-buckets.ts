import { z } from "zod";
import { BoundedRows } from "../database/bounded.ts";
import type { Session } from "../database/database.ts";
import { columnsOf, objects } from "../database/values.ts";
import { ToolError } from "../errors.ts";
import { aggregateFunctions, bucketSql, operators } from "../timescale/bucket-sql.ts";
import { findRelation, hypertableOf, type Relation } from "../timescale/relations.ts";
import { pointFor, type TimeKind, timeKind } from "../timescale/time.ts";
import { requireCommunity, timescale } from "../timescale/timescale.ts";
import { defineTool } from "../tool.ts";
import { columns, interval, point, resultRows, step, tableName } from "./schemas.ts";

const scalar = z.union([z.string().max(4_000), z.number(), z.boolean()]);
const column = z.string().min(1).max(63);

const input = z.strictObject({
  ...tableName,
  time_column: column.optional().describe("Default: the time dimension of the hypertable."),
  bucket: step.describe("Width of a bucket: an interval such as `1 hour`, or a number for an integer time column."),
  timezone: z.string().max(64).optional().describe("Buckets of days and longer begin at its midnight; default UTC."),
  aggregates: z
    .array(
      z.strictObject({
        function: z.enum(aggregateFunctions).describe("`first` and `last` are by time."),
        column: column.optional().describe("Needed by all but `count`."),
        fraction: z.number().min(0).max(1).optional().describe("Of `percentile`: 0.5 is the median."),
        as: column.optional().describe("Name in the result; default such as `avg_temperature`."),
      }),
    )
    .min(1)
    .max(20),
  group_by: z.array(column).max(5).default([]).describe("Columns to group by beside the bucket."),
  filters: z
    .array(
      z.strictObject({
        column,
        operator: z.enum(operators),
        value: scalar.optional(),
        values: z.array(scalar).min(1).max(200).optional().describe("Of `in` and `not in`."),
      }),
    )
    .max(20)
    .default([])
    .describe("Conditions that must all hold."),
  start: point.optional().describe("Inclusive start of the time range; ISO 8601, or a number for integer time."),
  end: point.optional().describe("Exclusive end of the time range."),
  last: interval.optional().describe("In place of `start` and `end`: this long before now, such as `24 hours`."),
  gapfill: z
    .enum(["none", "null", "locf", "interpolate"])
    .default("none")
    .describe(
      "Buckets without data: leave out, or fill with null, the last value, or a straight line. Community only.",
    ),
  order: z.enum(["asc", "desc"]).default("asc").describe("Order of the buckets."),
  limit: z.int().min(1).max(10_000).default(500).describe("Rows to return at most; the server's own limit holds, too."),
});

type Input = z.output<typeof input>;

const COLUMNS = `
  SELECT attname AS name, format_type(atttypid, NULL) AS type FROM pg_attribute
  WHERE attrelid = $1::text::oid AND attnum > 0 AND NOT attisdropped ORDER BY attnum`;

/** The time column: as asked for, else the first dimension, also of what is behind a continuous aggregate. */
async function timeColumnOf(session: Session, relation: Relation, args: Input, types: ReadonlyMap<string, string>) {
  const name = args.time_column ?? (await hypertableOf(session, relation))?.timeColumn;
  if (name === undefined) {
    throw new ToolError(`"${relation.schema}.${relation.name}" is no hypertable; name its \`time_column\``);
  }
  const type = types.get(name);
  const kind = type === undefined ? undefined : timeKind(type);
  if (kind !== undefined) return { column: name, kind };
  const fault = type === undefined ? "does not exist" : `has the type ${type}`;
  throw new ToolError(`the time column "${name}" ${fault}; name a column with a time, a date or an integer`);
}

/** The time range, with the database's idea of now. */
async function rangeOf(session: Session, { start, end, last }: Input, time: { column: string; kind: TimeKind }) {
  if (last === undefined) {
    const text = (at: string | number | undefined) =>
      at === undefined ? undefined : pointFor(time.kind, at, time.column);
    return { start: text(start), end: text(end) };
  }
  if (start !== undefined || end !== undefined) throw new ToolError("give `last`, or `start` and `end`, not both");
  if (time.kind === "integer")
    throw new ToolError(`the time column "${time.column}" is an integer; give \`start\` and \`end\``);
  const [now] = await objects<{ start: string; end: string }>(
    session,
    "SELECT now() - $1::text::interval AS start, now() AS end",
    [last],
  );
  if (now === undefined) throw new Error("a SELECT without FROM gave no row");
  return { start: pointFor(time.kind, now.start, time.column), end: pointFor(time.kind, now.end, time.column) };
}

export const queryTimeBuckets = defineTool({
  name: "query_time_buckets",
  title: "Aggregates in time buckets",
  description:
    "Aggregates a hypertable, continuous aggregate or other table in buckets of time, without SQL: bucket width, " +
    "aggregates, grouping, conditions, time range, and filled gaps where the licence has them. Rows come as lists in " +
    "the order of `columns`; the statement that was run is in the answer.",
  effect: "read",
  input,
  output: z.object({
    columns,
    rows: resultRows,
    row_count: z.int().describe("Rows that are shown."),
    truncated: z.boolean().describe("True: there are more, left out by `limit` or for their size."),
    range: z.object({ start: z.string().nullable(), end: z.string().nullable() }),
    sql: z.string().describe("The statement, with its parameters as $1, $2, …"),
    parameters: z.array(z.unknown()),
  }),
  run: ({ database, limits }, args) =>
    database.read(async (session) => {
      const found = await timescale(session);
      if (args.gapfill !== "none") requireCommunity(found, "gapfill");
      const relation = await findRelation(session, args);
      const types = new Map(
        (await objects<{ name: string; type: string }>(session, COLUMNS, [relation.oid])).map((it) => [
          it.name,
          it.type,
        ]),
      );
      const time = await timeColumnOf(session, relation, args, types);
      const range = await rangeOf(session, args, time);
      const limit = Math.min(args.limit, limits.rows);
      const { sql, parameters } = bucketSql({
        relation,
        columns: types,
        functions: found.schema,
        time,
        bucket: args.bucket,
        timezone: args.timezone,
        aggregates: args.aggregates,
        groupBy: args.group_by,
        filters: args.filters,
        ...range,
        gapfill: args.gapfill,
        descending: args.order === "desc",
        limit,
      });
      const result = await session.query(sql, parameters);
      const rows = new BoundedRows({ rows: limit, bytes: limits.bytes });
      rows.add(result.fields, result.rows);
      return {
        columns: await columnsOf(session, result),
        rows: rows.rows,
        row_count: rows.rows.length,
        truncated: rows.truncated,
        range: { start: range.start ?? null, end: range.end ?? null },
        sql,
        parameters: [...parameters],
      };
    }),
});
