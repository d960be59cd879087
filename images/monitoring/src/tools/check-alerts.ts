import { z } from "zod";
import { BackendError, ToolError } from "../backends/backend-error.ts";
import type { Alarm, Chart } from "../backends/netdata.ts";
import { levelStage, selector } from "../logs/logql.ts";
import { containersOf } from "../metrics/containers.ts";
import type { Monitor } from "../monitor.ts";
import type { TimeRange } from "../time/range.ts";
import { notesSchema, rangeArguments, rangeOf, rangeSchema, shownRange, textWith } from "./arguments.ts";
import { defineTool } from "./tool.ts";

const MAX_ALERTS = 100;
const MAX_SERVICES = 50;
/** Worst first. */
const STATUSES = ["CRITICAL", "WARNING", "CLEAR", "UNDEFINED", "UNINITIALIZED"];

const input = z.strictObject({
  status: z
    .enum(["raised", "critical", "warning", "all"])
    .default("raised")
    .describe("raised: warnings and critical ones; all: also those that are clear or cannot be computed yet."),
  logErrors: z.boolean().default(true).describe("Also count the recent lines of level error and worse, by service."),
  ...rangeArguments("15m"),
});

const output = z.object({
  counts: z
    .record(z.string(), z.number())
    .optional()
    .describe("Netdata's alerts by status, also those that are not listed; missing if Netdata could not be asked."),
  alerts: z.array(
    z.object({
      name: z.string(),
      status: z.string(),
      chart: z.string(),
      service: z.string().optional().describe("The MCP server whose container it is about."),
      value: z.string(),
      since: z.string().describe("ISO time of the last change of its status."),
      info: z.string(),
    }),
  ),
  logErrors: z
    .array(z.object({ service: z.string(), lines: z.number() }))
    .optional()
    .describe(
      "Lines of level error and worse in `range`, most first; missing if they were not asked for or could not be.",
    ),
  range: rangeSchema.describe("Of `logErrors`; alerts are those of now."),
  complete: z.boolean().describe("Everything that was asked could be checked. If not, silence means nothing."),
  notes: notesSchema,
});
type Output = z.output<typeof output>;

const rank = (status: string) => {
  const found = STATUSES.indexOf(status);
  return found < 0 ? STATUSES.length : found;
};

/** Names of servers by the charts of their containers, asked only where an alert is about a container. */
async function serviceNames(alarms: readonly Alarm[], { netdata, services }: Monitor): Promise<Map<string, string>> {
  const names = new Map<string, string>();
  if (!alarms.some(({ chart }) => chart.startsWith("cgroup_"))) return names;
  const charts: readonly Chart[] = await netdata.charts();
  for (const { service, charts: its } of await containersOf(charts, services)) {
    if (service !== undefined) for (const { id } of its) names.set(id, service);
  }
  return names;
}

async function alerts(
  status: string,
  monitor: Monitor,
  signal: AbortSignal,
): Promise<Pick<Output, "counts" | "alerts">> {
  // All of them, so that what is clear can be counted: "none raised" is worth little if nothing is watched.
  const alarms = await monitor.netdata.alarms("all", signal);
  const counts: Record<string, number> = {};
  for (const alarm of alarms) counts[alarm.status.toLowerCase()] = (counts[alarm.status.toLowerCase()] ?? 0) + 1;
  const wanted = status === "raised" ? ["CRITICAL", "WARNING"] : [status.toUpperCase()];
  const listed = alarms
    .filter((alarm) => status === "all" || wanted.includes(alarm.status))
    .toSorted((a, b) => rank(a.status) - rank(b.status) || b.last_status_change - a.last_status_change);
  const names = await serviceNames(listed, monitor);
  return {
    counts,
    alerts: listed.map(({ name, status, chart, value_string, last_status_change, info }) => {
      const service = names.get(chart);
      return {
        name,
        status: status.toLowerCase(),
        chart,
        ...(service !== undefined && { service }),
        value: value_string,
        since: new Date(last_status_change * 1_000).toISOString(),
        info,
      };
    }),
  };
}

async function logErrors(range: TimeRange, { loki, labels }: Monitor, signal: AbortSignal) {
  const seconds = Math.max(1, Math.round((range.to.getTime() - range.from.getTime()) / 1_000));
  const lines = `${selector({}, labels)} ${levelStage("error")}`;
  const found = await loki.instant(
    `sum by (${labels.service}) (count_over_time(${lines} [${seconds}s]))`,
    range.to,
    signal,
  );
  return found
    .map(({ labels: { [labels.service]: service = "" }, value }) => ({ service, lines: value }))
    .toSorted((a, b) => b.lines - a.lines);
}

/** What is wrong with the host and its containers, as far as Netdata's rules and the logs tell. */
export const checkAlerts = defineTool({
  name: "check_alerts",
  title: "Check alerts",
  description:
    "Tells which of Netdata's alerts are raised, worst first, and counts recent log lines of level error and worse by service. If one of the two cannot be asked, the other is still reported and `complete` is false.",
  input,
  output,
  run: async (args, context) => {
    const { signal } = context;
    const range = rangeOf(args);
    const [fromNetdata, fromLoki] = await Promise.allSettled([
      alerts(args.status, context, signal),
      args.logErrors ? logErrors(range, context, signal) : undefined,
    ]);
    const failed = [fromNetdata, fromLoki].flatMap((it) => (it.status === "rejected" ? [it.reason as unknown] : []));
    // A fault of our own, or a call that was cancelled, is no news about a backend.
    for (const reason of failed) if (!(reason instanceof BackendError || reason instanceof ToolError)) throw reason;
    // Nothing at all was found out: that is a failure, not a report.
    if (fromNetdata.status === "rejected" && (fromLoki.status === "rejected" || !args.logErrors)) {
      if (failed.length === 1) throw fromNetdata.reason;
      const [netdata, loki] = failed.map((reason) => (reason as Error).message);
      throw new ToolError(`${netdata}\n${loki}`);
    }
    const found = fromNetdata.status === "fulfilled" ? fromNetdata.value : { alerts: [] };
    const errors = fromLoki.status === "fulfilled" ? fromLoki.value : undefined;
    const notes = failed.map((reason) => (reason as Error).message);
    const shown = found.alerts.slice(0, MAX_ALERTS);
    if (found.alerts.length > shown.length) {
      notes.push(
        `the ${shown.length} worst of ${found.alerts.length} alerts are shown; ask for \`status\` critical, or raised`,
      );
    }
    if (errors !== undefined && errors.length > MAX_SERVICES) {
      notes.push(`the ${MAX_SERVICES} services with the most errors of ${errors.length} are shown`);
    }
    const { from, to } = shownRange(range);
    const counted = Object.entries(found.counts ?? {}).map(([status, count]) => `${count} ${status}`);
    const heads = [
      found.counts === undefined
        ? "Alerts could not be checked."
        : `${found.alerts.length} alerts (${args.status}); Netdata watches ${counted.length === 0 ? "nothing" : counted.join(", ")}.`,
    ];
    const lines = shown.map(
      ({ name, status, chart, service, value, since, info }) =>
        `${status.toUpperCase()} ${name} on ${chart}${service === undefined ? "" : ` (${service})`}: ${value}, since ${since}. ${info}`,
    );
    const counts = (errors ?? []).slice(0, MAX_SERVICES);
    const errorLines =
      errors === undefined
        ? []
        : errors.length === 0
          ? [`No lines of level error in the logs from ${from} to ${to}.`]
          : [`Lines of level error from ${from} to ${to}:`, ...counts.map((it) => `  ${it.service}: ${it.lines}`)];
    return {
      data: {
        ...(found.counts !== undefined && { counts: found.counts }),
        alerts: shown,
        ...(errors !== undefined && { logErrors: counts }),
        range: { from, to },
        complete: failed.length === 0,
        notes,
      },
      text: textWith([...heads, ...lines, ...errorLines], notes),
    };
  },
});
