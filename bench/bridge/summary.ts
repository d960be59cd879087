/** From samples to what the table says. */
import type { Tally } from "./load.ts";
import type { Sample } from "./measure.ts";
import type { Scenario } from "./scenarios.ts";
import { median, pairedRatio, ratioRange } from "./statistics.ts";

/** One subject in one scenario. */
export interface Cell {
  readonly subject: string;
  readonly scenario: string;
  readonly median: number | undefined;
  /** To the floor, of the same repeats. */
  readonly ratio: number | undefined;
  readonly ratioRange: readonly [number, number] | undefined;
  /** The same of the fastest tenth of the calls. */
  readonly fastRatio: number | undefined;
  readonly hostCpuUs: number | undefined;
  readonly childCpuUs: number | undefined;
  readonly cpuRatio: number | undefined;
  /** Why there is no value. */
  readonly problem: string | undefined;
  /** Some answers were lost, came twice, or came to the wrong session. */
  readonly faulty: boolean;
}

export interface Correctness {
  readonly subject: string;
  readonly tally: Tally;
  /** What went wrong, one of each kind. */
  readonly problems: readonly string[];
}

export function summarise(
  samples: readonly Sample[],
  subject: string,
  scenario: Scenario,
  base: string,
  repeats: number,
): Cell {
  const of = (name: string): (Sample | undefined)[] =>
    Array.from({ length: repeats }, (_, repeat) =>
      samples.find((each) => each.subject === name && each.scenario === scenario.name && each.repeat === repeat),
    );
  const own = of(subject);
  const floor = of(base);
  const values = (list: readonly (Sample | undefined)[], key: "value" | "p10Ms" | "hostCpuUs" | "childCpuUs") =>
    list.map((sample) => sample?.[key]);
  const middle = (key: "value" | "hostCpuUs" | "childCpuUs") =>
    present(median(values(own, key).filter((value) => value !== undefined)));
  const ratio = present(pairedRatio(values(own, "value"), values(floor, "value")));
  return {
    subject,
    scenario: scenario.name,
    median: middle("value"),
    ratio,
    ratioRange: ratio === undefined ? undefined : ratioRange(values(own, "value"), values(floor, "value")),
    fastRatio: present(pairedRatio(values(own, "p10Ms"), values(floor, "p10Ms"))),
    hostCpuUs: middle("hostCpuUs"),
    childCpuUs: middle("childCpuUs"),
    cpuRatio: present(pairedRatio(values(own, "hostCpuUs"), values(floor, "hostCpuUs"))),
    problem: own.find((sample) => sample?.problem !== undefined)?.problem,
    faulty: own.some((sample) => isFaulty(sample?.tally)),
  };
}

/** What became of all calls of a subject, in all scenarios and repeats. */
export function correctness(samples: readonly Sample[], subject: string): Correctness {
  const tally: Tally = { ok: 0, lost: 0, "wrong session": 0, altered: 0, error: 0, duplicated: 0 };
  const problems = new Map<string, string>();
  for (const sample of samples) {
    if (sample.subject !== subject) continue;
    for (const key of Object.keys(tally) as (keyof Tally)[]) tally[key] += sample.tally?.[key] ?? 0;
    if (sample.tally === undefined && sample.problem !== undefined) problems.set("not measured", sample.problem);
    for (const [kind, text] of Object.entries(sample.problems ?? {})) {
      if (!problems.has(kind)) problems.set(kind, text);
    }
  }
  return { subject, tally, problems: [...problems].map(([kind, text]) => `${kind}: ${text}`) };
}

/** Some answers were lost, came twice, or came to the wrong session. */
export function isFaulty(tally: Tally | undefined): boolean {
  return tally !== undefined && tally.lost + tally.duplicated + tally["wrong session"] > 0;
}

function present(value: number): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}
