import { z } from "zod";
import { JOBS, type Job, job, jobKinds } from "../timescale/jobs.ts";
import { findRelation, hypertableOf } from "../timescale/relations.ts";
import { timescale } from "../timescale/timescale.ts";
import { defineTool } from "../tool.ts";
import { paged } from "./paged.ts";
import { page, pageOutput, tableName } from "./schemas.ts";

export const listJobs = defineTool({
  name: "list_jobs",
  title: "Policies and jobs",
  description:
    "Lists policies (retention, compression, refresh of continuous aggregates, reorder) and other jobs: schedule, " +
    "configuration, last and next run, number of runs and failures, and the latest errors.",
  effect: "read",
  input: z.strictObject({
    kind: z.enum(jobKinds).optional().describe("Only jobs of this kind."),
    table: tableName.table.optional().describe("Only those of this hypertable or continuous aggregate."),
    schema: tableName.schema,
    failed_only: z.boolean().default(false).describe("Only jobs whose last run failed."),
    ...page,
  }),
  output: z.object({ ...pageOutput, jobs: z.array(job) }),
  run: ({ database }, { kind, table, schema, failed_only, limit, offset }) =>
    database.read(async (session) => {
      await timescale(session);
      const asked = table === undefined ? undefined : await findRelation(session, { table, schema });
      const behind = asked === undefined ? undefined : await hypertableOf(session, asked);
      const { total, rows } = await paged<Job>(
        session,
        `SELECT * FROM (${JOBS}) j
         WHERE ($1::text IS NULL OR kind = $1::text) AND (NOT $2::text::boolean OR last_run_status = 'Failed')
           AND ($3::text IS NULL OR (schema, "table") IN (($3::text, $4::text), ($5::text, $6::text)))
         ORDER BY job_id`,
        [
          kind ?? null,
          String(failed_only),
          asked?.schema ?? null,
          asked?.name ?? null,
          behind?.schema ?? null,
          behind?.name ?? null,
        ],
        { limit, offset },
      );
      return { total, jobs: rows };
    }),
});
