import { z } from "zod";
import { ToolError } from "../backends/backend-error.ts";
import { eachOf } from "../backends/gate.ts";
import { metricSchema, metricText, readMetric } from "../metrics/chart-metric.ts";
import { CONTAINER_METRICS, chartsOf } from "../metrics/choose-charts.ts";
import { type Container, containersOf, isCalled, labelOf } from "../metrics/containers.ts";
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

const NAMES = Object.keys(CONTAINER_METRICS) as (keyof typeof CONTAINER_METRICS)[];
const AT_ONCE = 4;
const MAX_LISTED = 60;
const MAX_OTHERS = 200;

const input = z.strictObject({
  containers: z
    .array(z.string().min(1).max(128))
    .min(1)
    .max(50)
    .optional()
    .describe("Names of MCP servers or containers, or (beginnings of) container ids. Default: all containers."),
  metrics: z
    .array(z.enum(NAMES as [keyof typeof CONTAINER_METRICS, ...(keyof typeof CONTAINER_METRICS)[]]))
    .min(1)
    .default(["cpu", "memory"])
    .describe("Which to read. Processor is in percent of one core."),
  ...rangeArguments("10m"),
  points: pointsArgument,
  limit: z.number().int().min(1).max(50).default(20).describe("Most containers to return, 1 to 50."),
});

const output = z.object({
  range: rangeSchema,
  containers: z.array(
    z.object({
      id: z.string().describe("The short id, or the name that Netdata has."),
      service: z.string().optional().describe("The MCP server in it."),
      metrics: z.array(metricSchema),
    }),
  ),
  others: z
    .array(z.string())
    .describe("Containers, and other groups of processes, in which no MCP server of this installation was found."),
  notes: notesSchema,
});

function choose(
  all: readonly Container[],
  names: readonly string[] | undefined,
  called: (it: Container, name: string) => boolean,
) {
  if (names === undefined) return all;
  return names.flatMap((name) => {
    const found = all.filter((container) => called(container, name));
    if (found.length > 0) return found;
    const known = all.map(({ id, service }) => service ?? id);
    const listed = `${known.slice(0, MAX_LISTED).join(", ")}${known.length > MAX_LISTED ? ", …" : ""}`;
    throw new ToolError(
      `Netdata has no container ${JSON.stringify(name)} in this range; it has ${listed === "" ? "none at all: can it see /sys/fs/cgroup of the host?" : listed}`,
    );
  });
}

/** Numbers of containers from Netdata, by the names of the servers in them. */
export const getContainerMetrics = defineTool({
  name: "get_container_metrics",
  title: "Get container metrics",
  description:
    "Reads processor, memory, network, disk and process metrics of containers from Netdata, by the name of the MCP server in them or by container id. Each series with its unit, last, average, lowest and highest value, and points over time.",
  input,
  output,
  run: async (args, { netdata, services, signal }) => {
    const range = rangeOf(args);
    const from = range.from.getTime() / 1_000;
    // Netdata goes on listing containers that are gone.
    const charts = (await netdata.charts()).filter(({ last_entry }) => last_entry >= from);
    const all = await containersOf(charts, services);
    const chosen = [...new Set(choose(all, args.containers, (it, name) => isCalled(it, name, services)))];
    const kept = chosen.slice(0, args.limit);
    const wanted = kept.flatMap((container) =>
      chartsOf(args.metrics, CONTAINER_METRICS, container.charts).map((it) => ({ container, it })),
    );
    const read = await eachOf(wanted, AT_ONCE, async ({ container, it }) => ({
      container,
      metric: await readMetric(netdata, it, { range, points: args.points }, signal),
    }));
    const containers = kept.map((container) => ({
      id: container.id,
      ...(container.service !== undefined && { service: container.service }),
      metrics: read.filter((it) => it.container === container).map(({ metric }) => metric),
    }));
    const missing = args.metrics.filter((metric) => !wanted.some(({ it }) => it.metric === metric));
    const absent =
      args.containers === undefined ? services.names.filter((it) => !all.some(({ service }) => service === it)) : [];
    const notes = [
      ...(all.length === 0 ? ["Netdata sees no containers in this range; it needs /sys/fs/cgroup of the host"] : []),
      ...(kept.length > 0 && missing.length > 0
        ? [`Netdata has nothing on ${missing.join(", ")} of these containers`]
        : []),
      ...(all.length > 0 && absent.length > 0
        ? [
            `no container was found for ${absent.join(", ")}: it is down, was started a moment ago, or its /health names no \`instance\` that Netdata knows`,
          ]
        : []),
      ...(chosen.length > kept.length
        ? [`${kept.length} of ${chosen.length} containers are shown; name them in \`containers\`, or raise \`limit\``]
        : []),
    ];
    const shown = shownRange(range);
    const texts = containers.map((it) => [labelOf(it), ...it.metrics.map(metricText)].join("\n"));
    return {
      data: {
        range: shown,
        containers,
        others: all.flatMap(({ id, service }) => (service === undefined ? [id] : [])).slice(0, MAX_OTHERS),
        notes,
      },
      text: textWith([`From ${shown.from} to ${shown.to}`, ...texts], notes),
    };
  },
});
