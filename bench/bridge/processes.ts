/** What /proc knows about a host and what it has started (proc(5)). */
import { readdirSync, readFileSync } from "node:fs";

/** `pid` and all its descendants that are alive. */
export function processTree(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    const stat = /^\d+$/.test(name) ? statFields(Number(name)) : undefined;
    const parent = Number(stat?.[1]);
    if (stat === undefined || stat[0] === "Z") continue;
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const found = alive(pid) ? [pid] : [];
  for (const each of found) found.push(...(children.get(each) ?? []));
  return found;
}

export function alive(pid: number): boolean {
  const stat = statFields(pid);
  return stat !== undefined && stat[0] !== "Z";
}

/** User and system time so far, in nanoseconds. */
export function cpuNanoseconds(pid: number): number {
  try {
    let sum = 0;
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      sum += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]);
    }
    if (sum > 0) return sum;
  } catch {
    // A kernel without schedstat: ticks of 10 ms have to do.
  }
  const stat = statFields(pid);
  return stat === undefined ? 0 : (Number(stat[11]) + Number(stat[12])) * 10_000_000;
}

/** Memory of some processes, in bytes. */
export interface Memory {
  /** Sum of the proportional set sizes: what is shared with processes outside counts in part. */
  readonly proportional: number;
  /** The same as if only they and this process were on the machine: what others run does not change it. */
  readonly alone: number;
}

export function memoryOf(pids: readonly number[]): Memory {
  const seen = pids.map(mappings);
  const sharers = new Map<string, number>();
  for (const mapped of [...seen, mappings(process.pid)]) {
    const files = new Set(mapped.filter(({ rss, anonymous }) => rss > anonymous).map(({ file }) => file));
    for (const file of files) sharers.set(file, (sharers.get(file) ?? 0) + 1);
  }
  const all = seen.flat();
  return {
    proportional: all.reduce((sum, { pss }) => sum + pss, 0),
    alone: all.reduce(
      (sum, { file, rss, anonymous }) => sum + anonymous + (rss - anonymous) / Math.max(1, sharers.get(file) ?? 1),
      0,
    ),
  };
}

interface Mapping {
  /** Device, inode and offset. */
  readonly file: string;
  readonly rss: number;
  readonly pss: number;
  readonly anonymous: number;
}

function mappings(pid: number): Mapping[] {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/smaps`, "latin1");
  } catch {
    // It has just gone.
    return [];
  }
  return text.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m).map((block) => {
    const [, , offset = "", device = "", inode = ""] = block.split(/\s+/, 5);
    const size = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(block)?.[1] ?? 0) * 1024;
    return { file: `${device}:${inode}:${offset}`, rss: size("Rss"), pss: size("Pss"), anonymous: size("Anonymous") };
  });
}

/** Whether the process runs the measured child, not the host. */
export function runs(pid: number, command: readonly string[]): boolean {
  try {
    const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
    // The last word: a Node child is told from a Node host by its file. A shell around the child is the host's.
    return words.length === command.length && words.at(-1) === command.at(-1);
  } catch {
    return false;
  }
}

/** Fields of /proc/PID/stat from the third (state) on; the second, the name, may hold anything. */
function statFields(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}
