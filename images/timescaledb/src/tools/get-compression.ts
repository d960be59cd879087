import { z } from "zod";
import { compressionSettings, compressionStats } from "../timescale/compression.ts";
import { job, jobsOf } from "../timescale/jobs.ts";
import { findHypertable } from "../timescale/relations.ts";
import { requireCommunity, timescale } from "../timescale/timescale.ts";
import { defineTool } from "../tool.ts";
import { compression } from "./get-hypertable-sizes.ts";
import { tableName } from "./schemas.ts";

export const getCompression = defineTool({
  name: "get_compression",
  title: "Compression (columnstore) of a hypertable",
  description:
    "Compression of a hypertable or continuous aggregate, called columnstore since TimescaleDB 2.18: its settings " +
    "(segment by, order by), what it saves, and the policy that compresses chunks by age.",
  effect: "read",
  input: z.strictObject(tableName),
  output: z.object({
    schema: z.string(),
    name: z.string(),
    enabled: z.boolean(),
    settings: z
      .object({
        segment_by: z.string().nullable().describe("Columns whose values are kept apart; filters on them stay fast."),
        order_by: z.string().nullable().describe("Order of the rows within a compressed batch."),
      })
      .nullable(),
    stats: compression,
    policy: job.nullable().describe("Null: nothing compresses chunks by itself."),
  }),
  run: ({ database }, name) =>
    database.read(async (session) => {
      const found = await timescale(session);
      requireCommunity(found, "compression");
      const table = await findHypertable(session, name);
      const settings = await compressionSettings(session, table);
      const jobs = await jobsOf(session, [table, table.asked]);
      return {
        schema: table.asked.schema,
        name: table.asked.name,
        enabled: settings !== null,
        settings,
        stats: await compressionStats(session, found, table),
        policy: jobs.find(({ kind }) => kind === "compression") ?? null,
      };
    }),
});
