import { z } from "zod";
import { objects } from "../database/values.ts";
import { compressionStats } from "../timescale/compression.ts";
import { findHypertable } from "../timescale/relations.ts";
import { timescale } from "../timescale/timescale.ts";
import { defineTool } from "../tool.ts";
import { sizes, tableName } from "./schemas.ts";

export const compression = z
  .object({
    compressed_chunks: z.number(),
    bytes_before: z.number(),
    bytes_after: z.number(),
    ratio: z.number().nullable().describe("How many times smaller the compressed chunks became."),
  })
  .nullable()
  .describe("Of the compressed chunks; null where there are none.");

export const getHypertableSizes = defineTool({
  name: "get_hypertable_sizes",
  title: "Sizes of a hypertable",
  description:
    "Bytes that a hypertable or continuous aggregate takes: table, indexes, TOAST and all together, over all chunks, " +
    "and before and after compression.",
  effect: "read",
  input: z.strictObject(tableName),
  output: z.object({ schema: z.string(), name: z.string(), chunks: z.number(), ...sizes, compression }),
  run: ({ database }, name) =>
    database.read(async (session) => {
      const found = await timescale(session);
      const table = await findHypertable(session, name);
      const [row] = await objects<{
        chunks: number;
        total_bytes: number;
        table_bytes: number;
        index_bytes: number;
        toast_bytes: number;
      }>(
        session,
        `SELECT (SELECT count(*) FROM timescaledb_information.chunks
             WHERE hypertable_schema = $2::text AND hypertable_name = $3::text) AS chunks,
           total_bytes, table_bytes, index_bytes, toast_bytes
         FROM ${found.schema}.hypertable_detailed_size($1::text::oid::regclass)`,
        [table.oid, table.schema, table.name],
      );
      if (row === undefined) throw new Error("a hypertable of the catalogue has no size");
      const { schema, name: asked } = table.asked;
      return { schema, name: asked, ...row, compression: await compressionStats(session, found, table) };
    }),
});
