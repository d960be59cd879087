import { z } from "zod";
import { field, wholeNumber } from "../../config/field.ts";
import type { DatabaseNeed } from "../backends/definition.ts";
import { defineServer } from "../server-definition.ts";

/** What explains with hypothetical indexes, and what knows the queries that were run. */
const extensions = ["hypopg", "pg_stat_statements"];

/** Reads Postgres databases, explains queries and advises on indexes, with a role that may only read. */
export const postgres = defineServer({
  name: "postgres",
  description: "Databases of Postgres to read, query plans and advice on indexes",
  port: 8505,
  containerSuffix: "postgres-service",
  uid: 10005,
  // One process for all, whose memory for results is limited to 320 MiB by itself: see images/postgres/README.md.
  session: { memory: 2, processes: 1 },
  base: { memory: 384, processes: 48 },
  egress: "none",
  baseImages: ["python"],
  tools: [
    "list_schemas",
    "list_objects",
    "get_object_details",
    "explain_query",
    "analyze_workload_indexes",
    "analyze_query_indexes",
    "analyze_db_health",
    "get_top_queries",
    "execute_sql",
  ],
  labels: { "com.mcp.capability": "database", "com.mcp.backend": "postgres" },
  options: {
    accessMode: field(
      {
        description:
          "Which statements reach the database: those that are known to read, or any that the role may run, which can only read either way.",
        allowed: "restricted or unrestricted",
        remedy: "leave it out for restricted",
      },
      z.enum(["restricted", "unrestricted"]).default("restricted"),
    ),
    databases: field(
      {
        description:
          "Databases that clients can read; with several, each tool takes a `database`, by default the first.",
        allowed: "a list of at least one name of lower-case letters, digits and `_`, none twice",
        remedy: "leave it out for app",
      },
      z
        .array(z.string().regex(/^[a-z_][a-z0-9_]{0,62}$/))
        .min(1)
        .refine((names) => new Set(names).size === names.length)
        .default(["app"]),
    ),
    statementTimeout: wholeNumber("Time that one statement may take.", "seconds", 1, 30).default(15),
  },
  specifics: ({ accessMode, databases, statementTimeout }) => {
    const [first = "app", ...others] = databases;
    const need = (name: string): DatabaseNeed => ({ name, extensions });
    return {
      command: [`--access-mode=${accessMode}`, ...databases.map((name) => `--database=${name}`)],
      backends: [
        {
          backend: "postgres",
          role: "postgres_reader",
          memberOf: ["pg_read_all_data", "pg_monitor"],
          settings: { default_transaction_read_only: "on", statement_timeout: `${statementTimeout}s` },
          databases: [need(first), ...others.map(need)],
        },
      ],
    };
  },
});
