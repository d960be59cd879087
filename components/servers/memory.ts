import { z } from "zod";
import { field } from "../../config/field.ts";
import { defineServer } from "../server-definition.ts";

/** Keeps a knowledge graph: the tools of the reference memory server, on Postgres or in a volume of its own. */
export const memory = defineServer({
  name: "memory",
  description: "A knowledge graph that lasts",
  port: 8502,
  uid: 10002,
  // Measured: 100 MiB with Postgres, 270 embedded; answers of the largest size take the rest.
  session: { memory: 4, processes: 0 },
  base: { memory: 384, processes: 32 },
  egress: "none",
  baseImages: [],
  tools: [
    "create_entities",
    "create_relations",
    "add_observations",
    "delete_entities",
    "delete_observations",
    "delete_relations",
    "read_graph",
    "search_nodes",
    "open_nodes",
  ],
  labels: { "com.mcp.backend": "postgres" },
  options: {
    storage: field(
      {
        description: "Where the graph is kept: in the stack's Postgres, or embedded, in a volume of its own.",
        allowed: "postgres or embedded",
        remedy: "leave it out for postgres",
      },
      z.enum(["postgres", "embedded"]).default("postgres"),
    ),
    tenant: field(
      {
        description: "Whose graph of the database it is; servers with other tenants neither see nor change it.",
        allowed: "1 to 64 letters, digits, `_`, `.` or `-`",
        remedy: "leave it out for default",
      },
      z
        .string()
        .regex(/^[\w.-]{1,64}$/)
        .default("default"),
    ),
  },
  specifics: ({ storage, tenant }) => ({
    envs: { MCP_MEMORY_TENANT: tenant },
    ...(storage === "embedded"
      ? { volumes: [{ name: "data", target: "/data" }] }
      : {
          backends: [
            {
              backend: "postgres",
              role: "memory_user",
              databases: [{ name: "memory_db", owned: true, extensions: ["pg_trgm"] }],
            },
          ],
        }),
  }),
});
