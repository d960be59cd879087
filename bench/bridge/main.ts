import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { cacheFolder } from "../../cli/paths.ts";
import { benchChild } from "./child-command.ts";
import type { Sample } from "./measure.ts";
import { HELP, parseBench } from "./options.ts";
import { cells, type Results, renderReport } from "./report.ts";
import { runPlan } from "./run.ts";
import { scenarios } from "./scenarios.ts";
import { FLOOR, OWN_SUBJECTS } from "./subjects.ts";

/** `npm run bench -- bridge`; resolves with the exit code. */
export async function benchBridge(args: readonly string[]): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    console.log(HELP);
    return 0;
  }
  const known = OWN_SUBJECTS;
  const names = known.map(({ name }) => name);
  const parsed = parseBench(
    args,
    names,
    scenarios(1).map(({ name }) => name),
  );
  if (!parsed.ok) {
    for (const problem of parsed.problems) console.error(problem);
    return 2;
  }
  const { options } = parsed;
  const child = benchChild(join(cacheFolder(), "bench"));
  const subjects = known.filter(
    ({ name }) => options.only.length === 0 || name === FLOOR || options.only.includes(name),
  );
  const chosen = scenarios(options.quick ? 0.1 : 1).filter(
    ({ name }) => options.scenarios.length === 0 || options.scenarios.includes(name),
  );
  console.log(`${cpus().length} processors, ${cpus()[0]?.model}; Node ${process.version}; child: ${child.what}\n`);

  const samples: Sample[] = [];
  const leftBehind: Record<string, number> = {};
  const live = process.stderr.isTTY;
  await runPlan(
    { subjects, scenarios: chosen, repeats: options.repeats, child: child.command },
    {
      status: (text) => process.stderr.write(live ? `\r\x1b[2K${text}` : ""),
      sample: (sample) => {
        samples.push(sample);
        const value = sample.value === undefined ? `– (${sample.problem})` : sample.value.toPrecision(4);
        if (!live) console.error(`${sample.repeat + 1} ${sample.scenario} ${sample.subject}: ${value}`);
      },
      leftBehind: (subject, processes) => {
        leftBehind[subject] = (leftBehind[subject] ?? 0) + processes;
      },
    },
  );
  if (live) process.stderr.write("\r\x1b[2K");
  const results: Results = { subjects, scenarios: chosen, samples, repeats: options.repeats, leftBehind };
  console.log(renderReport(results));
  if (options.json !== undefined) {
    const summary = { cells: cells(results), samples, leftBehind, child: child.what, node: process.version };
    writeFileSync(options.json, `${JSON.stringify(summary, null, 1)}\n`);
  }
  return 0;
}
