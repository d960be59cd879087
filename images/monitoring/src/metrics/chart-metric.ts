import { z } from "zod";
import type { Chart, Netdata } from "../backends/netdata.ts";
import type { TimeRange } from "../time/range.ts";
import { seriesSchema, summarise, type Values } from "./summary.ts";

export const metricSchema = z.object({
  metric: z.string(),
  chart: z.string().describe("Netdata's id of the chart."),
  title: z.string(),
  unit: z.string(),
  resolutionSeconds: z.number().describe("What one value stands for; computed series know peaks no finer than this."),
  series: z.array(seriesSchema),
});
export type Metric = z.output<typeof metricSchema>;

/** A row of a chart by dimension. */
type Row = Readonly<Record<string, number | null>>;

/** One number that people ask for, made of a chart's dimensions. */
export interface Computed {
  readonly name: string;
  /** Where it is not the chart's. */
  readonly unit?: string;
  readonly of: (row: Row) => number | null;
}

/** Values of one chart that are read at most: a shorter step than this is not worth its bytes. */
const MOST_VALUES = 600;

/** Sum of the dimensions that are there, but for some. */
const sumBut =
  (...left: string[]) =>
  (row: Row): number | null =>
    Object.entries(row).reduce<number | null>(
      (sum, [name, value]) => (value === null || left.includes(name) ? sum : (sum ?? 0) + value),
      null,
    );

/** Share of `part` in the sum of `whole`, in percent. */
const shareOf =
  (part: string, whole: readonly string[]) =>
  (row: Row): number | null => {
    const sum = whole.reduce((total, name) => total + (row[name] ?? 0), 0);
    const value = row[part];
    return value === null || value === undefined || sum === 0 ? null : (value / sum) * 100;
  };

/** By context. */
const COMPUTED: Readonly<Record<string, Computed>> = {
  "system.cpu": { name: "busy", of: sumBut("idle", "iowait") },
  "cgroup.cpu": { name: "total", of: sumBut() },
  "system.ram": { name: "used_percent", unit: "%", of: shareOf("used", ["free", "used", "cached", "buffers"]) },
  "system.swap": { name: "used_percent", unit: "%", of: shareOf("used", ["free", "used"]) },
  "mem.swap": { name: "used_percent", unit: "%", of: shareOf("used", ["free", "used"]) },
  "disk.space": { name: "used_percent", unit: "%", of: shareOf("used", ["avail", "used"]) },
};

/**
 * Reads one chart and sums it up. Where the range is longer than there are values to read, the lowest and highest are
 * asked for on their own: an average over minutes hides a peak of a second.
 */
export async function readMetric(
  netdata: Netdata,
  { metric, chart }: { metric: string; chart: Chart },
  { range, points }: { range: TimeRange; points: number },
  signal?: AbortSignal,
): Promise<Metric> {
  const seconds = Math.max(1, Math.round((range.to.getTime() - range.from.getTime()) / 1_000));
  const every = Math.max(1, chart.update_every);
  const values = Math.max(1, Math.min(MOST_VALUES, Math.floor(seconds / every)));
  const resolutionSeconds = Math.max(every, Math.ceil(seconds / values));
  const ask = (grouping: "average" | "min" | "max", count: number) =>
    netdata.data(chart, { range, points: count, grouping }, signal);
  const coarse = resolutionSeconds > every;
  const [data, min, max] = await Promise.all([
    ask("average", values),
    coarse ? ask("min", 1) : undefined,
    coarse ? ask("max", 1) : undefined,
  ]);
  const column = (index: number): Values => data.rows.map((row) => row.values[index] ?? null);
  const extremes = [...(min?.rows ?? []), ...(max?.rows ?? [])];
  const series = data.dimensions.map((name, index) =>
    summarise(
      name,
      column(index),
      points,
      extremes.map((row) => row.values[index] ?? null),
    ),
  );
  const computed = COMPUTED[chart.context];
  if (computed !== undefined && data.rows.length > 0) {
    const rows = data.rows.map(({ values }) =>
      Object.fromEntries(data.dimensions.map((name, index) => [name, values[index] ?? null])),
    );
    const { name, unit, of } = computed;
    series.unshift({ ...summarise(name, rows.map(of), points), computed: true, ...(unit !== undefined && { unit }) });
  }
  return { metric, chart: chart.id, title: chart.title, unit: chart.units, resolutionSeconds, series };
}

/** Series of a chart from which on those that are 0 throughout share one line. */
const MANY = 4;

/** A metric on one line per series, for people and models that read the text. */
export function metricText({ metric, chart, unit, series }: Metric): string {
  const idle = series.length > MANY ? series.filter(({ min, max }) => min === 0 && max === 0) : [];
  const busy = series.filter((it) => !idle.includes(it));
  const lines = busy.map(
    ({ name, unit: own = unit, last, avg, min, max }) =>
      `  ${name}: last ${last}, avg ${avg}, min ${min}, max ${max} ${own}`,
  );
  if (idle.length > 0) lines.push(`  0 throughout: ${idle.map(({ name }) => name).join(", ")}`);
  return [`${metric} (${chart})${series.length === 0 ? ": no values in this time" : ""}`, ...lines].join("\n");
}
