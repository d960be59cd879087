import { z } from "zod";
import { objects } from "../database/values.ts";
import { timescale } from "../timescale/timescale.ts";
import { defineTool } from "../tool.ts";

export const getTimescaledbInfo = defineTool({
  name: "get_timescaledb_info",
  title: "TimescaleDB version and features",
  description:
    "Version and licence of TimescaleDB and PostgreSQL, which features this build has, and what there is: number of " +
    "hypertables, chunks, continuous aggregates and jobs, and the size of the database.",
  effect: "read",
  input: z.strictObject({}),
  output: z.object({
    timescaledb_version: z.string(),
    license: z.string().describe("`timescale` is the Community Edition, `apache` the part under the Apache licence."),
    postgres_version: z.string(),
    database: z.string(),
    role: z.string(),
    database_bytes: z.number(),
    hypertables: z.number(),
    chunks: z.number(),
    continuous_aggregates: z.number(),
    jobs: z.number(),
    features: z
      .object({
        compression: z.boolean(),
        columnstore_names: z.boolean().describe("Compression goes by the newer name `columnstore`, too."),
        continuous_aggregates: z.boolean(),
        policies: z.boolean(),
        gapfill: z.boolean(),
      })
      .describe("What this version and licence allow."),
  }),
  run: ({ database }) =>
    database.read(async (session) => {
      const found = await timescale(session);
      const [row] = await objects<{
        postgres_version: string;
        database: string;
        role: string;
        database_bytes: number;
        hypertables: number;
        chunks: number;
        continuous_aggregates: number;
        jobs: number;
      }>(
        session,
        `SELECT current_setting('server_version') AS postgres_version, current_database() AS database,
           current_user AS role, pg_database_size(current_database()) AS database_bytes,
           (SELECT count(*) FROM timescaledb_information.hypertables) AS hypertables,
           (SELECT count(*) FROM timescaledb_information.chunks) AS chunks,
           (SELECT count(*) FROM timescaledb_information.continuous_aggregates) AS continuous_aggregates,
           (SELECT count(*) FROM timescaledb_information.jobs) AS jobs`,
      );
      if (row === undefined) throw new Error("a SELECT without FROM gave no row");
      const community = found.license === "timescale";
      return {
        timescaledb_version: found.version,
        license: found.license,
        ...row,
        features: {
          compression: community && found.functions.has("compress_chunk"),
          columnstore_names: community && found.functions.has("convert_to_columnstore"),
          continuous_aggregates: community && found.functions.has("refresh_continuous_aggregate"),
          policies: community && found.functions.has("add_retention_policy"),
          gapfill: community && found.functions.has("time_bucket_gapfill"),
        },
      };
    }),
});
