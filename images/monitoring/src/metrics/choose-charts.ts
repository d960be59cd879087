import { ToolError } from "../backends/backend-error.ts";
import type { Chart } from "../backends/netdata.ts";

/** Contexts of each system metric: all that this host has of the first line that it has any of. */
export const SYSTEM_METRICS = {
  cpu: [["system.cpu"]],
  load: [["system.load"]],
  memory: [["system.ram"]],
  swap: [["mem.swap"], ["system.swap"]],
  disk_space: [["disk.space"]],
  disk_io: [["system.io"]],
  network: [["system.net"]],
  processes: [["system.processes"], ["system.processes_state"]],
  pressure: [["system.cpu_some_pressure", "system.memory_some_pressure", "system.io_some_pressure"]],
  uptime: [["system.uptime"]],
} as const satisfies Readonly<Record<string, readonly (readonly string[])[]>>;

/** The same of one container. */
export const CONTAINER_METRICS = {
  cpu: [["cgroup.cpu"]],
  memory: [["cgroup.mem_usage", "cgroup.mem_utilization"]],
  network: [["cgroup.net_net"]],
  disk_io: [["cgroup.throttle_io"], ["cgroup.io"]],
  processes: [["cgroup.pids_current"]],
} as const satisfies Readonly<Record<string, readonly (readonly string[])[]>>;

export interface ChosenChart {
  readonly metric: string;
  readonly chart: Chart;
}

/** Charts of the named metrics, in their order. Metrics that Netdata does not have here have none. */
export function chartsOf(
  metrics: readonly string[],
  contexts: Readonly<Record<string, readonly (readonly string[])[]>>,
  charts: readonly Chart[],
): ChosenChart[] {
  return metrics.flatMap((metric) => {
    for (const choice of contexts[metric] ?? []) {
      const found = choice.flatMap((context) => charts.filter((chart) => chart.context === context));
      if (found.length > 0) return found.map((chart) => ({ metric, chart }));
    }
    return [];
  });
}

const MAX_SIMILAR = 15;

/** How many characters two names begin with in common. */
function sharedStart(one: string, other: string): number {
  let length = 0;
  while (length < one.length && one[length] === other[length]) length++;
  return length;
}

/** Charts by id, or all of a context. One that is unknown is an error with those that may have been meant. */
export function chartsNamed(names: readonly string[], charts: readonly Chart[]): ChosenChart[] {
  return names.flatMap((name) => {
    const found = charts.filter(({ id, context }) => id === name || context === name);
    if (found.length > 0) return found.map((chart) => ({ metric: name, chart }));
    const words = name
      .toLowerCase()
      .split(/[^a-z0-9]+/)
      .filter((word) => word !== "");
    const similar = charts
      .filter(({ id, title }) => words.some((word) => `${id} ${title}`.toLowerCase().includes(word)))
      .map(({ id }) => id)
      .toSorted((a, b) => sharedStart(b, name) - sharedStart(a, name) || a.length - b.length);
    const hint =
      similar.length === 0
        ? `it has ${charts.length} charts, for example ${charts
            .slice(0, 5)
            .map(({ id }) => id)
            .join(", ")}`
        : `did you mean ${similar.slice(0, MAX_SIMILAR).join(", ")}${similar.length > MAX_SIMILAR ? `, or one of ${similar.length - MAX_SIMILAR} more` : ""}`;
    throw new ToolError(`Netdata has no chart or context ${JSON.stringify(name)}; ${hint}`);
  });
}
