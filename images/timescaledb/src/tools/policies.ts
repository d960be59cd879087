import { z } from "zod";
import type { Session } from "../database/database.ts";
import { quoted } from "../database/identifiers.ts";
import { ToolError } from "../errors.ts";
import { compressionSettings } from "../timescale/compression.ts";
import { type Job, job, jobsOf } from "../timescale/jobs.ts";
import { findHypertable, type Hypertable } from "../timescale/relations.ts";
import { ageSql } from "../timescale/time.ts";
import { firstKnown, requireCommunity, type Timescale, timescale } from "../timescale/timescale.ts";
import { defineTool } from "../tool.ts";
import { dryRun, interval, step, tableName } from "./schemas.ts";

type PolicyKind = "retention" | "compression";

const policyOf = async (session: Session, table: Hypertable, kind: PolicyKind): Promise<Job | undefined> =>
  (await jobsOf(session, [table, table.asked])).find((it) => it.kind === kind);

const nameOf = ({ asked }: Hypertable): string => `"${asked.schema}.${asked.name}"`;

const addOutput = z.object({ policy: job, dry_run: z.boolean() });

/** What both kinds of policies have in common: one for each table, run by a schedule. */
async function addPolicy(
  session: Session,
  found: Timescale,
  table: Hypertable,
  policy: { kind: PolicyKind; after: string | number; scheduleInterval: string | undefined },
): Promise<Job> {
  const { kind, after, scheduleInterval } = policy;
  const before = await policyOf(session, table, kind);
  if (before !== undefined) {
    throw new ToolError(
      `${nameOf(table)} has a ${kind} policy already (job ${before.job_id}); remove it with remove_${kind}_policy first`,
    );
  }
  const schedule = scheduleInterval === undefined ? "" : `, schedule_interval => INTERVAL '${scheduleInterval}'`;
  const names = kind === "retention" ? ["add_retention_policy"] : ["add_compression_policy", "add_columnstore_policy"];
  const name = firstKnown(found, `a ${kind} policy`, names);
  // The newer name is a procedure.
  const act = name === "add_columnstore_policy" ? "CALL" : "SELECT";
  await session.query(
    `${act} ${found.schema}.${name}('${table.asked.oid}'::regclass, ${ageSql(table, after)}${schedule})`,
  );
  const added = await policyOf(session, table, kind);
  if (added === undefined) throw new Error(`${name} made no job`);
  return added;
}

export const addRetentionPolicy = defineTool({
  name: "add_retention_policy",
  title: "Add a retention policy",
  description: "Drops chunks of a hypertable or continuous aggregate by itself once they are older than this.",
  effect: "destroy",
  input: z.strictObject({
    ...tableName,
    drop_after: step.describe("Age of the data, such as `90 days`; a number along an integer time column."),
    schedule_interval: interval.optional().describe("How often it runs; default 1 day, or half a chunk."),
    dry_run: dryRun(false),
  }),
  output: addOutput,
  run: ({ database }, { drop_after, schedule_interval, dry_run, ...name }) =>
    database.write(
      async (session) => {
        const found = await timescale(session);
        requireCommunity(found, "a retention policy");
        const table = await findHypertable(session, name);
        const policy = { kind: "retention" as const, after: drop_after, scheduleInterval: schedule_interval };
        return { policy: await addPolicy(session, found, table, policy), dry_run };
      },
      { dryRun: dry_run },
    ),
});

const layout = z.strictObject({
  segment_by: z.array(z.string().min(1).max(63)).max(10).default([]).describe("Columns that filters often name."),
  order_by: z
    .array(z.strictObject({ column: z.string().min(1).max(63), direction: z.enum(["asc", "desc"]).default("asc") }))
    .max(10)
    .default([])
    .describe("Default: the time column, newest first."),
});

/** Turns compression on, with a layout; names are checked by Postgres, and quoted as it reads them. */
async function enableCompression(session: Session, table: Hypertable, wanted: z.output<typeof layout>): Promise<void> {
  const text = (value: string): string => `'${value.replaceAll("'", "''")}'`;
  const settings = ["timescaledb.compress"];
  if (wanted.segment_by.length > 0) {
    settings.push(`timescaledb.compress_segmentby = ${text(wanted.segment_by.map(quoted).join(", "))}`);
  }
  if (wanted.order_by.length > 0) {
    const order = wanted.order_by.map(({ column, direction }) => `${quoted(column)} ${direction.toUpperCase()}`);
    settings.push(`timescaledb.compress_orderby = ${text(order.join(", "))}`);
  }
  const [what, { schema, name }] =
    table.kind === "hypertable" ? (["TABLE", table] as const) : (["MATERIALIZED VIEW", table.asked] as const);
  await session.query(`ALTER ${what} ${quoted(schema)}.${quoted(name)} SET (${settings.join(", ")})`);
}

export const addCompressionPolicy = defineTool({
  name: "add_compression_policy",
  title: "Add a compression (columnstore) policy",
  description:
    "Compresses chunks of a hypertable or continuous aggregate by itself once they are older than this. Compression " +
    "must be enabled, or be enabled along with it by `enable`.",
  effect: "write",
  input: z.strictObject({
    ...tableName,
    compress_after: step.describe("Age of the data, such as `7 days`; a number along an integer time column."),
    schedule_interval: interval.optional().describe("How often it runs; default half a chunk."),
    enable: layout.optional().describe("Enable compression with this layout, where it is not yet."),
    dry_run: dryRun(false),
  }),
  output: addOutput,
  run: ({ database }, { compress_after, schedule_interval, enable, dry_run, ...name }) =>
    database.write(
      async (session) => {
        const found = await timescale(session);
        requireCommunity(found, "compression");
        const table = await findHypertable(session, name);
        const settings = await compressionSettings(session, table);
        if (settings === null && enable === undefined) {
          throw new ToolError(`compression is not enabled on ${nameOf(table)}; give \`enable\` to enable it along`);
        }
        if (settings === null && enable !== undefined) await enableCompression(session, table, enable);
        const policy = { kind: "compression" as const, after: compress_after, scheduleInterval: schedule_interval };
        return { policy: await addPolicy(session, found, table, policy), dry_run };
      },
      { dryRun: dry_run },
    ),
});

const removal = (kind: PolicyKind, description: string, names: readonly string[]) =>
  defineTool({
    name: `remove_${kind}_policy`,
    title: `Remove a ${kind} policy`,
    description,
    effect: "write",
    input: z.strictObject(tableName),
    output: z.object({ removed: job.describe("The policy as it was.") }),
    run: ({ database }, name) =>
      database.write(async (session) => {
        const found = await timescale(session);
        requireCommunity(found, `a ${kind} policy`);
        const table = await findHypertable(session, name);
        const removed = await policyOf(session, table, kind);
        if (removed === undefined) throw new ToolError(`${nameOf(table)} has no ${kind} policy; look at list_jobs`);
        const remove = firstKnown(found, `a ${kind} policy`, names);
        const act = remove === "remove_columnstore_policy" ? "CALL" : "SELECT";
        await session.query(`${act} ${found.schema}.${remove}('${table.asked.oid}'::regclass)`);
        return { removed };
      }),
  });

export const removeRetentionPolicy = removal(
  "retention",
  "Stops dropping chunks of a hypertable or continuous aggregate by age. What is dropped already stays so.",
  ["remove_retention_policy"],
);

export const removeCompressionPolicy = removal(
  "compression",
  "Stops compressing chunks of a hypertable or continuous aggregate by age. What is compressed already stays so.",
  ["remove_compression_policy", "remove_columnstore_policy"],
);
