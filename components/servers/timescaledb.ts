import { flag, wholeNumber } from "../../config/field.ts";
import { defineServer } from "../server-definition.ts";

const readTools = [
  "get_timescaledb_info",
  "list_hypertables",
  "describe_hypertable",
  "list_chunks",
  "get_hypertable_sizes",
  "get_compression",
  "list_continuous_aggregates",
  "list_jobs",
  "query_time_buckets",
  "query",
];

const writeTools = [
  "create_hypertable",
  "drop_chunks",
  "add_retention_policy",
  "remove_retention_policy",
  "add_compression_policy",
  "remove_compression_policy",
  "refresh_continuous_aggregate",
];

/** Hypertables, chunks, compression, continuous aggregates, policies and bucketed queries of a TimescaleDB. */
export const timescaledb = defineServer({
  name: "timescaledb",
  description: "Time series in TimescaleDB: hypertables, compression, continuous aggregates, bucketed queries",
  port: 8509,
  uid: 10009,
  // One process for all sessions: 54 MiB idle, 72 with 32 sessions and large results; the rest is for five results at
  // once that are cut off for their size.
  session: { memory: 2, processes: 1 },
  base: { memory: 128, processes: 16 },
  egress: "none",
  baseImages: [],
  tools: [...readTools, ...writeTools],
  offeredTools: ({ writable }) => (writable ? [...readTools, ...writeTools] : readTools),
  labels: { "com.mcp.backend": "timescaledb", "com.mcp.capability": "database" },
  options: {
    writable: flag(
      "Also offer tools that change hypertables, policies and data, with a role that owns the database.",
      false,
    ),
    statementTimeout: wholeNumber("Time that one statement may take in the database.", "seconds", 1, 3_600).default(20),
    maxRows: wholeNumber("Rows that one call returns at most.", "", 1, 10_000).default(1_000),
  },
  specifics: ({ writable, statementTimeout, maxRows }) => ({
    envs: {
      TIMESCALEDB_WRITABLE: String(writable),
      TIMESCALEDB_STATEMENT_TIMEOUT: String(statementTimeout),
      TIMESCALEDB_MAX_ROWS: String(maxRows),
    },
    backends: [
      {
        backend: "timescaledb",
        role: writable ? "timescale_writer" : "timescale_reader",
        memberOf: ["pg_read_all_data", "pg_read_all_stats"],
        settings: {
          statement_timeout: `${statementTimeout}s`,
          // The transactions of the tools say so, too: the role is what holds if a tool were wrong.
          ...(writable ? {} : { default_transaction_read_only: "on" }),
        },
        databases: [{ name: "timescale_db", owned: writable, extensions: ["timescaledb"] }],
      },
    ],
  }),
});
