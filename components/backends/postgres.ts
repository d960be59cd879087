import { defineBackend } from "./definition.ts";
import { postgresSettings } from "./postgres-settings.ts";

/** What Postgres of every kind has in common here: see `images/backends/postgres`. */
export const postgresContainer = {
  protocol: "postgres",
  port: 5432,
  context: "images/backends/postgres",
  user: "postgres",
  dataTarget: "/var/lib/postgresql/data",
  tmpfs: [{ target: "/var/run/postgresql", mebibytes: 8 }],
  memory: 512,
  shmSize: 128,
  command: ["server"],
  healthcheck: ["CMD", "/opt/mcp-postgres/entrypoint.sh", "health"],
  stopSeconds: 60,
  options: {},
} as const;

/** The relational database of the servers that keep or read tables. */
export const postgres = defineBackend({
  ...postgresContainer,
  name: "postgres",
  description: "Postgres 17",
  baseImage: "postgres",
  envs: (_, { memory }) => ({ MCP_PG_SETTINGS: postgresSettings({ memory }) }),
});
