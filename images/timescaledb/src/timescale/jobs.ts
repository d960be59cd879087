import { z } from "zod";
import type { Parameter, Session } from "../database/database.ts";
import { objects } from "../database/values.ts";

export const jobKinds = ["retention", "compression", "refresh", "reorder", "other"] as const;

export const job = z.object({
  job_id: z.number(),
  kind: z.enum(jobKinds),
  name: z.string(),
  procedure: z.string(),
  owner: z.string(),
  schema: z.string().nullable().describe("Of the hypertable or continuous aggregate that it works on."),
  table: z.string().nullable(),
  scheduled: z.boolean().describe("False: it is paused."),
  schedule_interval: z.string(),
  config: z.unknown().describe("What the policy does: `drop_after`, `compress_after`, `start_offset`, …"),
  next_start: z.string().nullable(),
  last_run_started_at: z.string().nullable(),
  last_run_status: z.string().nullable().describe("`Success`, `Failed`, or null before its first run."),
  last_run_duration: z.string().nullable(),
  last_successful_finish: z.string().nullable(),
  total_runs: z.number(),
  total_failures: z.number(),
  recent_errors: z
    .array(z.object({ at: z.string().nullable(), sqlstate: z.string().nullable(), message: z.string().nullable() }))
    .describe("The latest failures that TimescaleDB remembers, and shows to this role."),
});

export type Job = z.output<typeof job>;

/** `-infinity` stands for never. */
const time = (column: string) => `CASE WHEN isfinite(${column}) THEN ${column} END`;

/** All jobs. A job has one row of statistics for each backend that runs it. */
export const JOBS = `
  SELECT j.job_id,
    CASE j.proc_name WHEN 'policy_retention' THEN 'retention' WHEN 'policy_compression' THEN 'compression'
      WHEN 'policy_refresh_continuous_aggregate' THEN 'refresh' WHEN 'policy_reorder' THEN 'reorder'
      ELSE 'other' END AS kind,
    j.application_name AS name, j.proc_schema || '.' || j.proc_name AS procedure, j.owner::text AS owner,
    j.hypertable_schema AS schema, j.hypertable_name AS "table", j.scheduled, j.schedule_interval, j.config,
    ${time("s.next_start")} AS next_start, ${time("s.last_run_started_at")} AS last_run_started_at,
    s.last_run_status, s.last_run_duration, ${time("s.last_successful_finish")} AS last_successful_finish,
    coalesce(s.total_runs, 0) AS total_runs, coalesce(s.total_failures, 0) AS total_failures,
    (SELECT coalesce(json_agg(json_build_object('at', e.finish_time, 'sqlstate', e.sqlerrcode,
        'message', left(e.err_message, 500)) ORDER BY e.start_time DESC), '[]')
      FROM (SELECT * FROM timescaledb_information.job_errors e WHERE e.job_id = j.job_id
        ORDER BY e.start_time DESC LIMIT 3) e) AS recent_errors
  FROM timescaledb_information.jobs j
  LEFT JOIN LATERAL (SELECT * FROM timescaledb_information.job_stats s WHERE s.job_id = j.job_id LIMIT 1) s ON true`;

/** Jobs that work on a relation: the hypertable, or the continuous aggregate by its view or by what is behind it. */
export const jobsOf = (
  session: Session,
  relations: readonly { readonly schema: string; readonly name: string }[],
): Promise<Job[]> => {
  const parameters: Parameter[] = relations.flatMap(({ schema, name }) => [schema, name]);
  const wanted = relations.map((_, index) => `($${2 * index + 1}::text, $${2 * index + 2}::text)`).join(", ");
  return objects<Job>(
    session,
    `SELECT * FROM (${JOBS}) j WHERE (schema, "table") IN (${wanted}) ORDER BY job_id`,
    parameters,
  );
};
