import { z } from "zod";
import { findHypertable } from "../timescale/relations.ts";
import { pointText, timeKind } from "../timescale/time.ts";
import { timescale } from "../timescale/timescale.ts";
import { defineTool } from "../tool.ts";
import { paged } from "./paged.ts";
import { page, pageOutput, point, tableName } from "./schemas.ts";

const chunk = z.object({
  schema: z.string(),
  name: z.string(),
  range_start: z.string().nullable().describe("Inclusive."),
  range_end: z.string().nullable().describe("Exclusive."),
  compressed: z.boolean(),
  total_bytes: z.number().nullable().describe("What it takes now, with indexes and TOAST, compressed data included."),
  bytes_before_compression: z.number().nullable(),
  created_at: z.string().nullable(),
  tablespace: z.string().nullable(),
});

// Integer ranges can be beyond what a JSON number holds, so ranges are text in either case.
const LIST = `
  SELECT c.chunk_schema AS schema, c.chunk_name AS name,
    coalesce(to_json(c.range_start) #>> '{}', c.range_start_integer::text) AS range_start,
    coalesce(to_json(c.range_end) #>> '{}', c.range_end_integer::text) AS range_end,
    c.is_compressed AS compressed, c.chunk_creation_time AS created_at, c.chunk_tablespace AS tablespace,
    pg_total_relation_size(r.oid) + coalesce(pg_total_relation_size(zr.oid), 0) AS total_bytes,
    b.uncompressed_heap_size + b.uncompressed_toast_size + b.uncompressed_index_size AS bytes_before_compression
  FROM timescaledb_information.chunks c
  JOIN pg_namespace n ON n.nspname = c.chunk_schema
  JOIN pg_class r ON r.relnamespace = n.oid AND r.relname = c.chunk_name
  JOIN _timescaledb_catalog.chunk k ON k.schema_name = c.chunk_schema AND k.table_name = c.chunk_name
  LEFT JOIN _timescaledb_catalog.chunk z ON z.id = k.compressed_chunk_id
  LEFT JOIN pg_namespace zn ON zn.nspname = z.schema_name
  LEFT JOIN pg_class zr ON zr.relnamespace = zn.oid AND zr.relname = z.table_name
  LEFT JOIN _timescaledb_catalog.compression_chunk_size b ON b.chunk_id = k.id
  WHERE c.hypertable_schema = $1::text AND c.hypertable_name = $2::text
    AND ($3::text IS NULL OR c.is_compressed = $3::text::boolean)
    AND ($4::text IS NULL OR c.range_end <= $4::text::timestamptz)
    AND ($5::text IS NULL OR c.range_start >= $5::text::timestamptz)
    AND ($6::text IS NULL OR c.range_end_integer <= $6::text::bigint)
    AND ($7::text IS NULL OR c.range_start_integer >= $7::text::bigint)`;

/** Of the two range columns one is always null. */
const ORDERS = {
  newest_first: "c.range_start DESC, c.range_start_integer DESC, c.chunk_name",
  oldest_first: "c.range_start, c.range_start_integer, c.chunk_name",
  largest_first: "total_bytes DESC, c.chunk_name",
};

export const listChunks = defineTool({
  name: "list_chunks",
  title: "Chunks of a hypertable",
  description:
    "Lists the chunks of a hypertable or continuous aggregate, newest first unless asked otherwise: their time ranges, " +
    "sizes in bytes, and whether they are compressed.",
  effect: "read",
  input: z.strictObject({
    ...tableName,
    compressed: z.boolean().optional().describe("Only compressed ones, or only others."),
    older_than: point.optional().describe("Only chunks that end at or before this time (or integer)."),
    newer_than: point.optional().describe("Only chunks that begin at or after this time (or integer)."),
    order: z.enum(["newest_first", "oldest_first", "largest_first"]).default("newest_first"),
    ...page,
  }),
  output: z.object({ ...pageOutput, chunks: z.array(chunk) }),
  run: ({ database }, { compressed, older_than, newer_than, order, limit, offset, ...name }) =>
    database.read(async (session) => {
      await timescale(session);
      const table = await findHypertable(session, name);
      const older = older_than === undefined ? null : pointText(table, older_than);
      const newer = newer_than === undefined ? null : pointText(table, newer_than);
      const { total, rows } = await paged<z.output<typeof chunk>>(
        session,
        `${LIST} ORDER BY ${ORDERS[order]}`,
        [
          table.schema,
          table.name,
          compressed === undefined ? null : String(compressed),
          ...(timeKind(table.timeType) === "integer" ? [null, null, older, newer] : [older, newer, null, null]),
        ],
        { limit, offset },
      );
      return { total, chunks: rows };
    }),
});
