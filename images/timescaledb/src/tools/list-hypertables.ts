import { z } from "zod";
import { timescale } from "../timescale/timescale.ts";
import { defineTool } from "../tool.ts";
import { paged } from "./paged.ts";
import { dimension, page, pageOutput, sizes } from "./schemas.ts";

const hypertable = z.object({
  schema: z.string(),
  name: z.string(),
  owner: z.string(),
  dimensions: z.array(dimension),
  chunks: z.number(),
  compressed_chunks: z.number(),
  compression_enabled: z.boolean(),
  ...sizes,
});

const LIST = `
  SELECT h.hypertable_schema AS schema, h.hypertable_name AS name, h.owner, h.num_chunks AS chunks,
    h.compression_enabled, d.dimensions
  FROM timescaledb_information.hypertables h
  JOIN (SELECT hypertable_schema, hypertable_name,
      json_agg(json_build_object('column', column_name, 'type', column_type::text, 'kind', lower(dimension_type),
        'interval', coalesce(time_interval::text, integer_interval::text), 'partitions', num_partitions)
        ORDER BY dimension_number) AS dimensions
    FROM timescaledb_information.dimensions GROUP BY 1, 2) d USING (hypertable_schema, hypertable_name)
  WHERE ($1::text IS NULL OR h.hypertable_schema = $1::text)
    AND ($2::text IS NULL OR h.hypertable_name ILIKE $2::text)
  ORDER BY h.hypertable_schema, h.hypertable_name`;

/** Sizes go through all chunks of a hypertable, so only those of the page are measured. */
const MEASURED = (functions: string) => `
  SELECT shown.*, coalesce(k.chunks, 0) AS compressed_chunks, s.total_bytes, s.table_bytes, s.index_bytes, s.toast_bytes
  FROM shown
  LEFT JOIN (SELECT hypertable_schema, hypertable_name, count(*) AS chunks
      FROM timescaledb_information.chunks WHERE is_compressed GROUP BY 1, 2) k
    ON k.hypertable_schema = shown.schema AND k.hypertable_name = shown.name
  JOIN pg_namespace n ON n.nspname = shown.schema
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = shown.name
  LEFT JOIN LATERAL ${functions}.hypertable_detailed_size(c.oid::regclass) s ON true
  ORDER BY shown.schema, shown.name`;

export const listHypertables = defineTool({
  name: "list_hypertables",
  title: "Hypertables",
  description:
    "Lists the hypertables: dimensions and chunk intervals, number of chunks and of compressed ones, sizes in bytes " +
    "over all chunks, and whether compression is enabled.",
  effect: "read",
  input: z.strictObject({
    schema: z.string().max(63).optional().describe("Only those of this schema."),
    name_like: z.string().max(200).optional().describe("Only names that match this pattern, with `%` and `_`."),
    ...page,
  }),
  output: z.object({ ...pageOutput, hypertables: z.array(hypertable) }),
  run: ({ database }, { schema, name_like, limit, offset }) =>
    database.read(async (session) => {
      const found = await timescale(session);
      const { total, rows } = await paged<z.output<typeof hypertable>>(
        session,
        LIST,
        [schema ?? null, name_like ?? null],
        { limit, offset },
        MEASURED(found.schema),
      );
      return { total, hypertables: rows };
    }),
});
