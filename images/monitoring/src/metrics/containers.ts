import type { Chart } from "../backends/netdata.ts";
import type { Services } from "../backends/services.ts";

/** A container as Netdata knows it: a name for all of its charts. */
export interface Container {
  /** Its short id, or the name that Netdata has found out. */
  readonly id: string;
  /** Made by an engine; other groups of processes have no id of theirs. */
  readonly isContainer: boolean;
  /** The MCP server that runs in it, where one said so itself. */
  readonly service: string | undefined;
  readonly charts: readonly Chart[];
}

const TYPE = /^cgroup_(.+)$/;
const SHORT = 12;
/** A container's id as engines and systemd put it into a name: the long one anywhere, the short one alone. */
const LONG_ID = /(?:^|[^0-9a-f])([0-9a-f]{64})(?![0-9a-f])/;
const SHORT_ID = /^(?:docker[_-])?([0-9a-f]{12})$/;

/** The short id in a name, as the engine shows it and a container has for its host name. */
const shortId = (name: string) => (LONG_ID.exec(name) ?? SHORT_ID.exec(name))?.[1]?.slice(0, SHORT);

/**
 * Containers among the charts. Without Docker's socket Netdata only knows their ids; which server is in which one the
 * servers tell themselves: their `/health` gives the host name, which is the id. With the socket, Netdata has the name,
 * and `mcp-memory` or its service's host name tell.
 */
export async function containersOf(charts: readonly Chart[], services: Services): Promise<Container[]> {
  const byType = new Map<string, Chart[]>();
  for (const chart of charts) {
    if (!chart.context.startsWith("cgroup.")) continue;
    const group = byType.get(chart.type);
    if (group === undefined) byType.set(chart.type, [chart]);
    else group.push(chart);
  }
  if (byType.size === 0) return [];
  const instances = await services.instances();
  return [...byType].map(([type, group]) => {
    const name = TYPE.exec(type)?.[1] ?? type;
    const id = shortId(name);
    const service =
      id === undefined
        ? services.names.find((it) => name === it || name === hostOf(services.url(it)))
        : [...instances].find(([instance]) => instance.length >= SHORT && instance.startsWith(id))?.[1];
    return { id: id ?? name, isContainer: id !== undefined || service !== undefined, service, charts: group };
  });
}

const hostOf = (url: string | undefined) => (url === undefined ? undefined : new URL(url).hostname);

/** True if people may call it that: its service, its service's host name, its name, or the beginning of its id. */
export function isCalled({ id, service }: Container, name: string, services: Services): boolean {
  if (id === name || service === name) return true;
  if (service !== undefined && hostOf(services.url(service)) === name) return true;
  return /^[0-9a-f]{4,64}$/.test(name) && shortId(id) !== undefined && (id.startsWith(name) || name.startsWith(id));
}
