import { Host } from "./host.ts";
import { measure, type Sample } from "./measure.ts";
import type { Scenario } from "./scenarios.ts";
import type { Subject } from "./subjects.ts";
import { isFaulty } from "./summary.ts";

export interface Plan {
  readonly subjects: readonly Subject[];
  readonly scenarios: readonly Scenario[];
  readonly repeats: number;
  readonly child: readonly string[];
  /** Ends the run early, after the measurement under way. */
  readonly signal: AbortSignal;
}

export interface Tracker {
  /** Shown while it happens. */
  status(text: string): void;
  sample(sample: Sample): void;
  /** Told of a host that was ended and did not end all that it had started. */
  leftBehind(subject: string, processes: number): void;
}

/**
 * Measures every subject in every scenario, `repeats` times: A B C, B C A, C A B, … so that whatever else the machine
 * does hits all of them, and none always comes first. Hosts stay up from one repeat to the next, as they do in use,
 * unless an answer went astray: what that leaves behind must not follow into the next repeat.
 */
export async function runPlan({ subjects, scenarios, repeats, child, signal }: Plan, tracker: Tracker): Promise<void> {
  const hosts = new Map<string, Host>();
  const end = async (host: Host): Promise<void> => {
    hosts.delete(host.subject.name);
    const left = await host.stop();
    if (left > 0) tracker.leftBehind(host.subject.name, left);
  };
  try {
    for (let repeat = 0; repeat < repeats && !signal.aborted; repeat++) {
      const about = `repeat ${repeat + 1} of ${repeats}`;
      const problems = new Map<string, string>();
      for (const subject of subjects) {
        if (hosts.has(subject.name) || signal.aborted) continue;
        tracker.status(`${about}: starting ${subject.name}`);
        try {
          hosts.set(subject.name, await Host.start(subject, child));
        } catch (error) {
          problems.set(subject.name, `did not start: ${error instanceof Error ? error.message : String(error)}`);
        }
      }
      const astray = new Set<Host>();
      for (const scenario of scenarios) {
        for (let turn = 0; turn < subjects.length; turn++) {
          const subject = subjects[(turn + repeat) % subjects.length];
          if (subject === undefined || signal.aborted) continue;
          tracker.status(`${about}: ${scenario.title}, ${subject.name}`);
          const host = hosts.get(subject.name);
          if (host === undefined) {
            const problem = problems.get(subject.name) ?? "did not start";
            tracker.sample({ subject: subject.name, scenario: scenario.name, repeat, value: undefined, problem });
            continue;
          }
          const sample = await measure(host, scenario, repeat);
          tracker.sample(sample);
          if (sample.value === undefined || isFaulty(sample.tally)) astray.add(host);
        }
      }
      for (const host of astray) await end(host);
    }
  } finally {
    tracker.status("ending all hosts");
    for (const host of [...hosts.values()]) await end(host);
  }
}
