import { defineBackend } from "./definition.ts";
import { postgresContainer } from "./postgres.ts";
import { postgresSettings } from "./postgres-settings.ts";

/** Postgres with the extension for time series. */
export const timescaledb = defineBackend({
  ...postgresContainer,
  name: "timescaledb",
  description: "Postgres 17 with TimescaleDB",
  baseImage: "timescaledb",
  envs: (_, { memory }) => ({ MCP_PG_SETTINGS: postgresSettings({ memory, timescale: true }) }),
});
