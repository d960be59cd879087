import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { cacheFolder } from "../../cli/paths.ts";
import { type BenchChild, benchChild } from "./child-command.ts";
import { killHosts } from "./host.ts";
import { EVERYTHING_TITLE, everythingServer, PEER_NAMES, peerSubjects } from "./installed.ts";
import type { Sample } from "./measure.ts";
import { type MemorySample, measureMemory } from "./memory.ts";
import { renderMemory } from "./memory-report.ts";
import { type BenchOptions, helpText, type Known, parseBench } from "./options.ts";
import { cells, renderReport } from "./report.ts";
import { runPlan, type Tracker } from "./run.ts";
import { scenarios } from "./scenarios.ts";
import { measureStarts, renderStarts, type StartTimes } from "./session-start.ts";
import { asShipped, FLOOR, OURS_SHARED, OWN_SUBJECTS, type Subject } from "./subjects.ts";

/** Measured by other means than the load client. */
const START = "start";
const MEMORY = "memory";
/** A start differs more from the next than a call does. */
const STARTS_PER_REPEAT = 4;
const MOST_MEMORY_REPEATS = 3;

const known: Known = {
  subjects: [...OWN_SUBJECTS.map(({ name }) => name), ...PEER_NAMES],
  scenarios: [...scenarios(1).map(({ name }) => name), START, MEMORY],
};

/** `npm run bench -- bridge`; resolves with the exit code. */
export async function benchBridge(args: readonly string[]): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    console.log(helpText(known));
    return 0;
  }
  const parsed = parseBench(args, known);
  if (!parsed.ok) {
    for (const problem of parsed.problems) console.error(problem);
    return 2;
  }
  const { options } = parsed;
  const cache = join(cacheFolder(), "bench");
  const child = benchChild(cache);
  const wanted = ({ name }: Subject): boolean =>
    options.only.length === 0 || name === FLOOR || options.only.includes(name);
  const subjects = [...OWN_SUBJECTS.filter(wanted), ...(await peerSubjects(wanted, cache))];
  console.log(
    `${new Date().toISOString().slice(0, 10)}, ${cpus().length} processors (${cpus()[0]?.model}), ` +
      `load average ${loadavg()[0]?.toFixed(1)} at the start, Node ${process.version}, child: ${child.what}\n`,
  );
  const signal = endEarly();
  const shipped = [...subjects, OURS_SHARED].map((each) => asShipped(each, cache));
  const found = {
    load: await loads(options, subjects, child, signal),
    starts: await starts(options, cache, signal),
    memory: await memory(options, shipped, child, signal),
  };
  if (options.json !== undefined) {
    const about = { date: new Date().toISOString(), node: process.version, child: child.what, options };
    writeFileSync(options.json, `${JSON.stringify({ ...about, ...found }, null, 1)}\n`);
  }
  return 0;
}

/** The first signal ends the run after the measurement under way, and what was measured is shown; the second ends all. */
function endEarly(): AbortSignal {
  const controller = new AbortController();
  process.on("exit", killHosts);
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      if (controller.signal.aborted) process.exit(130);
      console.error("\nending after this measurement; once more to end at once");
      controller.abort();
    });
  }
  return controller.signal;
}

function isWanted(options: BenchOptions, scenario: string): boolean {
  return options.scenarios.length === 0 || options.scenarios.includes(scenario);
}

async function loads(
  options: BenchOptions,
  subjects: readonly Subject[],
  child: BenchChild,
  signal: AbortSignal,
): Promise<unknown> {
  const chosen = scenarios(options.quick ? 0.15 : 1).filter(({ name }) => isWanted(options, name));
  if (chosen.length === 0) return undefined;
  const samples: Sample[] = [];
  const leftBehind: Record<string, number> = {};
  const { repeats } = options;
  const tracker: Tracker = {
    status,
    sample: (sample) => {
      samples.push(sample);
      const value = sample.value === undefined ? `– (${sample.problem})` : sample.value.toPrecision(4);
      if (!process.stderr.isTTY) console.error(`${sample.repeat + 1} ${sample.scenario} ${sample.subject}: ${value}`);
    },
    leftBehind: (subject, processes) => {
      leftBehind[subject] = (leftBehind[subject] ?? 0) + processes;
    },
  };
  await runPlan({ subjects, scenarios: chosen, repeats, child: child.command, signal }, tracker);
  status("");
  const results = { subjects, scenarios: chosen, samples, repeats, leftBehind };
  console.log(renderReport(results));
  return { cells: cells(results), leftBehind, samples };
}

async function starts(options: BenchOptions, cache: string, signal: AbortSignal): Promise<StartTimes | undefined> {
  if (!isWanted(options, START) || signal.aborted) return undefined;
  const { command, problem } = await everythingServer(cache);
  if (problem !== undefined) return undefined;
  const times = await measureStarts(command, options.repeats * STARTS_PER_REPEAT, status, signal);
  status("");
  console.log(renderStarts(times, EVERYTHING_TITLE));
  return times;
}

async function memory(
  options: BenchOptions,
  subjects: readonly Subject[],
  child: BenchChild,
  signal: AbortSignal,
): Promise<unknown> {
  if (!isWanted(options, MEMORY) || signal.aborted) return undefined;
  const hosts = subjects.filter(({ transport }) => transport === "http" || transport === "sse");
  // Memory varies less from run to run than time does.
  const repeats = Math.min(options.repeats, MOST_MEMORY_REPEATS);
  const samples: MemorySample[] = [];
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const subject of hosts) {
      if (signal.aborted) break;
      status(`memory ${repeat + 1} of ${repeats}: ${subject.name}`);
      samples.push(await measureMemory(subject, child.command));
    }
  }
  status("");
  console.log(renderMemory(samples));
  return samples;
}

/** What is being done, rewritten in place; on a terminal only. */
function status(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${text}`);
}
