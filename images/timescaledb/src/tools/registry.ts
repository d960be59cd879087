import type { ToolDefinition } from "../tool.ts";
import { createHypertable } from "./create-hypertable.ts";
import { describeHypertable } from "./describe-hypertable.ts";
import { dropChunks } from "./drop-chunks.ts";
import { getCompression } from "./get-compression.ts";
import { getHypertableSizes } from "./get-hypertable-sizes.ts";
import { getTimescaledbInfo } from "./get-timescaledb-info.ts";
import { listChunks } from "./list-chunks.ts";
import { listContinuousAggregates } from "./list-continuous-aggregates.ts";
import { listHypertables } from "./list-hypertables.ts";
import { listJobs } from "./list-jobs.ts";
import {
  addCompressionPolicy,
  addRetentionPolicy,
  removeCompressionPolicy,
  removeRetentionPolicy,
} from "./policies.ts";
import { query } from "./query.ts";
import { queryTimeBuckets } from "./query-time-buckets.ts";
import { refreshContinuousAggregate } from "./refresh-continuous-aggregate.ts";

/** Tools that only look. */
export const readTools: readonly ToolDefinition[] = [
  getTimescaledbInfo,
  listHypertables,
  describeHypertable,
  listChunks,
  getHypertableSizes,
  getCompression,
  listContinuousAggregates,
  listJobs,
  queryTimeBuckets,
  query,
];

/** Tools that change something; offered only where the configuration says `writable`. */
export const writeTools: readonly ToolDefinition[] = [
  createHypertable,
  dropChunks,
  addRetentionPolicy,
  removeRetentionPolicy,
  addCompressionPolicy,
  removeCompressionPolicy,
  refreshContinuousAggregate,
];
