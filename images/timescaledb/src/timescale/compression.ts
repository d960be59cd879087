import type { Session } from "../database/database.ts";
import { objects } from "../database/values.ts";
import type { Hypertable } from "./relations.ts";
import { firstKnown, type Timescale } from "./timescale.ts";

/** What compression has done to a hypertable, by its compressed chunks. */
export interface CompressionStats {
  readonly compressed_chunks: number;
  readonly bytes_before: number;
  readonly bytes_after: number;
  /** How many times smaller it became; null where nothing is compressed. */
  readonly ratio: number | null;
}

/** Null where there is no compressed chunk, be it that the build cannot compress at all. */
export async function compressionStats(
  session: Session,
  found: Timescale,
  { oid }: Hypertable,
): Promise<CompressionStats | null> {
  const stats = firstKnown(found, "compression", ["hypertable_columnstore_stats", "hypertable_compression_stats"]);
  const [row] = await objects<CompressionStats>(
    session,
    `SELECT coalesce(number_compressed_chunks, 0) AS compressed_chunks,
       coalesce(before_compression_total_bytes, 0) AS bytes_before,
       coalesce(after_compression_total_bytes, 0) AS bytes_after,
       round(before_compression_total_bytes::numeric / nullif(after_compression_total_bytes, 0), 2) AS ratio
     FROM ${found.schema}.${stats}($1::text::oid::regclass)`,
    [oid],
  );
  return row === undefined || row.compressed_chunks === 0 ? null : row;
}

/** How rows are laid out when chunks of a hypertable are compressed. */
export interface CompressionSettings {
  readonly segment_by: string | null;
  readonly order_by: string | null;
}

/** Whether compression is on, of a hypertable or of what is behind a continuous aggregate. */
const ENABLED = `
  SELECT EXISTS (SELECT FROM timescaledb_information.hypertables
      WHERE hypertable_schema = $1::text AND hypertable_name = $2::text AND compression_enabled)
    OR EXISTS (SELECT FROM timescaledb_information.continuous_aggregates
      WHERE materialization_hypertable_schema = $1::text AND materialization_hypertable_name = $2::text
        AND compression_enabled) AS enabled`;

const BY_COLUMN = `
  SELECT string_agg(quote_ident(attname), ',' ORDER BY segmentby_column_index)
      FILTER (WHERE segmentby_column_index IS NOT NULL) AS segment_by,
    string_agg(quote_ident(attname) || CASE WHEN orderby_asc THEN '' ELSE ' DESC' END, ',' ORDER BY orderby_column_index)
      FILTER (WHERE orderby_column_index IS NOT NULL) AS order_by
  FROM timescaledb_information.compression_settings WHERE hypertable_schema = $1::text AND hypertable_name = $2::text`;

/** Null where compression is off. The view by columns is the one that all versions have. */
export async function compressionSettings(
  session: Session,
  { schema, name }: Hypertable,
): Promise<CompressionSettings | null> {
  const [state] = await objects<{ enabled: boolean }>(session, ENABLED, [schema, name]);
  if (!state?.enabled) return null;
  const [settings] = await objects<CompressionSettings>(session, BY_COLUMN, [schema, name]);
  return settings ?? null;
}
