import { defineBackend } from "./definition.ts";
import { postgresContainer } from "./postgres.ts";

/** Postgres with the extension for time series. */
export const timescaledb = defineBackend({
  ...postgresContainer,
  name: "timescaledb",
  description: "Postgres 17 with TimescaleDB",
  baseImage: "timescaledb",
});
