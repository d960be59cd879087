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

/** Proportional set size in bytes: memory that several processes share counts once in their sum. */
export function proportionalBytes(pids: readonly number[]): number {
  let sum = 0;
  for (const pid of pids) {
    try {
      sum += Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0) * 1024;
    } catch {
      // It has just gone.
    }
  }
  return sum;
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
