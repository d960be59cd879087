import { z } from "zod";
import { objects } from "../database/values.ts";
import { ToolError } from "../errors.ts";
import { findRelation, hypertableOf } from "../timescale/relations.ts";
import { stepSql, timeKind } from "../timescale/time.ts";
import { firstKnown, timescale } from "../timescale/timescale.ts";
import { defineTool } from "../tool.ts";
import { dryRun, step, tableName } from "./schemas.ts";

export const createHypertable = defineTool({
  name: "create_hypertable",
  title: "Make a table a hypertable",
  description:
    "Makes an existing table a hypertable, partitioned by a time (or integer) column. Rows that are there already move " +
    "into chunks only with `migrate_data`, which locks the table meanwhile. It cannot be undone.",
  effect: "write",
  input: z.strictObject({
    ...tableName,
    time_column: z.string().min(1).max(63),
    chunk_interval: step.optional().describe("Width of a chunk; default 7 days, needed for an integer column."),
    migrate_data: z.boolean().default(false).describe("Needed if the table has rows."),
    dry_run: dryRun(false),
  }),
  output: z.object({
    schema: z.string(),
    name: z.string(),
    time_column: z.string(),
    chunk_interval: z.string().nullable(),
    dry_run: z.boolean(),
  }),
  run: ({ database }, { time_column, chunk_interval, migrate_data, dry_run, ...name }) =>
    database.write(
      async (session) => {
        const found = await timescale(session);
        firstKnown(found, "create_hypertable by range", ["by_range"]);
        const relation = await findRelation(session, name);
        const already = await hypertableOf(session, relation);
        if (already !== undefined) {
          throw new ToolError(
            `"${relation.schema}.${relation.name}" is a hypertable already; look at describe_hypertable`,
          );
        }
        const [column] = await objects<{ type: string }>(
          session,
          `SELECT format_type(atttypid, NULL) AS type FROM pg_attribute
           WHERE attrelid = $1::text::oid AND attname = $2::text AND attnum > 0 AND NOT attisdropped`,
          [relation.oid, time_column],
        );
        const kind = column === undefined ? undefined : timeKind(column.type);
        if (kind === undefined) {
          const fault = column === undefined ? "does not exist" : `has the type ${column.type}`;
          throw new ToolError(`the column "${time_column}" ${fault}; name one with a time, a date or an integer`);
        }
        const width = chunk_interval === undefined ? "" : `, ${stepSql(kind, chunk_interval, time_column)}`;
        await session.query(
          `SELECT ${found.schema}.create_hypertable($1::text::oid::regclass,
             ${found.schema}.by_range($2::text::name${width}), migrate_data => $3::text::boolean)`,
          [relation.oid, time_column, String(migrate_data)],
        );
        const [made] = await objects<{ interval: string | null }>(
          session,
          `SELECT coalesce(time_interval::text, integer_interval::text) AS interval FROM timescaledb_information.dimensions
           WHERE hypertable_schema = $1::text AND hypertable_name = $2::text`,
          [relation.schema, relation.name],
        );
        return {
          schema: relation.schema,
          name: relation.name,
          time_column,
          chunk_interval: made?.interval ?? null,
          dry_run,
        };
      },
      { dryRun: dry_run },
    ),
});
