import type { Chart } from "../backends/netdata.ts";
import type { Services } from "../backends/services.ts";

/** A container as Netdata knows it: a name for all of its charts. */
export interface Container {
  /** Its short id, or the name that Netdata has found out. */
  readonly id: string;
  /** Whether it is known by an id, as what an engine has made. Other groups of processes have names alone. */
  readonly hasId: boolean;
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
 * servers tell themselves: their `/health` gives the host name, which is the id. With the socket, Netdata has the name.
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
  const containers = [...byType].map(([type, group]) => {
    const name = TYPE.exec(type)?.[1] ?? type;
    const id = shortId(name);
    const service =
      id === undefined
        ? services.names.find((it) => namesOf(it, services).includes(name))
        : [...instances].find(([instance]) => instance.length >= SHORT && instance.startsWith(id))?.[1];
    return { id: id ?? name, hasId: id !== undefined, service, charts: group };
  });
  return containers.toSorted((a, b) => rank(a) - rank(b) || labelOf(a).localeCompare(labelOf(b)));
}

/** Servers of this installation first, then other containers: what has only a name is seldom what is meant. */
const rank = ({ hasId, service }: Container) => (service !== undefined ? 0 : hasId ? 1 : 2);

export const labelOf = ({ id, service }: { id: string; service?: string | undefined }) =>
  service === undefined ? id : `${service} (${id})`;

/** What the container of a server may be called: by convention, or as its URL says, unless that is of a gateway. */
function namesOf(service: string, services: Services): string[] {
  const host = services.hostOf(service);
  const shared = services.names.some((other) => other !== service && services.hostOf(other) === host);
  return [service, `mcp-${service}`, `mcp-${service}-service`, ...(shared || host === undefined ? [] : [host])];
}

/** True if people may call it that: by its service, its name, or the beginning of its id. */
export function isCalled({ id, service }: Container, name: string, services: Services): boolean {
  if (id === name || (service !== undefined && namesOf(service, services).includes(name))) return true;
  return /^[0-9a-f]{4,64}$/.test(name) && shortId(id) !== undefined && (id.startsWith(name) || name.startsWith(id));
}
