import { z } from "zod";
import type { Parameter } from "../database/database.ts";
import { ToolError } from "../errors.ts";
import { findHypertable } from "../timescale/relations.ts";
import { pointSql } from "../timescale/time.ts";
import { timescale } from "../timescale/timescale.ts";
import { defineTool } from "../tool.ts";
import { dryRun, point, tableName } from "./schemas.ts";

export const dropChunks = defineTool({
  name: "drop_chunks",
  title: "Drop chunks",
  description:
    "Drops the chunks of a hypertable or continuous aggregate that lie wholly before `older_than` (and after " +
    "`newer_than`), with the data in them, for good. Only shows which ones unless `dry_run` is false.",
  effect: "destroy",
  input: z.strictObject({
    ...tableName,
    older_than: point.optional(),
    newer_than: point.optional(),
    dry_run: dryRun(true),
  }),
  output: z.object({
    chunks: z.array(z.string()).describe("Those that were dropped, or would be; the first 1,000."),
    count: z.int(),
    dry_run: z.boolean(),
  }),
  run: ({ database }, { older_than, newer_than, dry_run, ...name }) => {
    if (older_than === undefined && newer_than === undefined) {
      throw new ToolError(
        "drop_chunks needs `older_than`, `newer_than` or both; without them it would drop everything",
      );
    }
    return database.write(
      async (session) => {
        const found = await timescale(session);
        const table = await findHypertable(session, name);
        const parameters: Parameter[] = [table.asked.oid];
        const bounds = Object.entries({ older_than, newer_than }).flatMap(([bound, at]) =>
          at === undefined ? [] : [`${bound} => ${pointSql(table, at, parameters)}`],
        );
        const act = dry_run ? "show_chunks" : "drop_chunks";
        const { rows } = await session.query(
          `SELECT chunk::text FROM ${found.schema}.${act}($1::text::oid::regclass, ${bounds.join(", ")}) AS chunk`,
          parameters,
        );
        const chunks = rows.flatMap(([chunk]) => chunk ?? []);
        return { chunks: chunks.slice(0, 1_000), count: chunks.length, dry_run };
      },
      { dryRun: dry_run },
    );
  },
});
