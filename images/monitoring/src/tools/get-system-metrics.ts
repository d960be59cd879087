import { z } from "zod";
import { eachOf } from "../backends/gate.ts";
import { metricSchema, metricText, readMetric } from "../metrics/chart-metric.ts";
import { chartsNamed, chartsOf, SYSTEM_METRICS } from "../metrics/choose-charts.ts";
import {
  notesSchema,
  pointsArgument,
  rangeArguments,
  rangeOf,
  rangeSchema,
  shownRange,
  textWith,
} from "./arguments.ts";
import { defineTool } from "./tool.ts";

const NAMES = Object.keys(SYSTEM_METRICS) as (keyof typeof SYSTEM_METRICS)[];
const MAX_CHARTS = 24;
const AT_ONCE = 4;

const input = z.strictObject({
  metrics: z
    .array(z.enum(NAMES as [keyof typeof SYSTEM_METRICS, ...(keyof typeof SYSTEM_METRICS)[]]))
    .min(1)
    .optional()
    .describe("Which to read. Default: cpu, load, memory, disk_space, disk_io, network; with `charts` only these."),
  charts: z
    .array(z.string().min(1).max(200))
    .min(1)
    .max(MAX_CHARTS)
    .optional()
    .describe("Any of Netdata's charts by id or context, e.g. system.ctxt, disk.util."),
  ...rangeArguments("10m"),
  points: pointsArgument,
});

const output = z.object({ range: rangeSchema, metrics: z.array(metricSchema), notes: notesSchema });

const USUAL = ["cpu", "load", "memory", "disk_space", "disk_io", "network"] as const;

/** Numbers of the host from Netdata, summed up. */
export const getSystemMetrics = defineTool({
  name: "get_system_metrics",
  title: "Get system metrics",
  description:
    "Reads metrics of the host from Netdata: processor, load, memory, swap, disks, network, processes, pressure, uptime, or any of its charts. Each series with its unit, last, average, lowest and highest value, and points over time.",
  input,
  output,
  run: async (args, { netdata, signal }) => {
    const range = rangeOf(args);
    const charts = await netdata.charts();
    const metrics = args.metrics ?? (args.charts === undefined ? USUAL : []);
    const chosen = [
      ...chartsOf(metrics, SYSTEM_METRICS, charts),
      ...(args.charts === undefined ? [] : chartsNamed(args.charts, charts)),
    ];
    const kept = chosen.slice(0, MAX_CHARTS);
    const read = await eachOf(kept, AT_ONCE, (it) => readMetric(netdata, it, { range, points: args.points }, signal));
    const missing = metrics.filter((metric) => !chosen.some((it) => it.metric === metric));
    const empty = read.filter(({ series }) => series.length === 0).map(({ chart }) => chart);
    const notes = [
      ...(missing.length > 0 ? [`Netdata has nothing on ${missing.join(", ")} of this host`] : []),
      ...(empty.length > 0
        ? [`Netdata has no values of ${empty.join(", ")} in this range; it may not keep them that long`]
        : []),
      ...(chosen.length > kept.length
        ? [
            `${kept.length} of ${chosen.length} charts are shown; name the others in \`charts\`: ${chosen
              .slice(MAX_CHARTS)
              .map(({ chart }) => chart.id)
              .join(", ")
              .slice(0, 1_000)}`,
          ]
        : []),
    ];
    const { from, to } = shownRange(range);
    return {
      data: { range: { from, to }, metrics: read, notes },
      text: textWith([`From ${from} to ${to}`, ...read.map(metricText)], notes),
    };
  },
});
