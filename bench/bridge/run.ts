import { Host } from "./host.ts";
import { measure, type Sample } from "./measure.ts";
import type { Scenario } from "./scenarios.ts";
import type { Subject } from "./subjects.ts";

export interface Plan {
  readonly subjects: readonly Subject[];
  readonly scenarios: readonly Scenario[];
  readonly repeats: number;
  readonly child: readonly string[];
}

export interface Tracker {
  /** Shown while it happens. */
  status(text: string): void;
  sample(sample: Sample): void;
  /** Told once per host that did not end by itself with all it had started. */
  leftBehind(subject: string, processes: number): void;
}

/**
 * Measures every subject in every scenario, `repeats` times: A B C, B C A, C A B, … so that whatever else the machine
 * does hits all of them, and none always comes first. Hosts are fresh in each repeat and idle while others are measured.
 */
export async function runPlan({ subjects, scenarios, repeats, child }: Plan, tracker: Tracker): Promise<void> {
  for (let repeat = 0; repeat < repeats; repeat++) {
    const hosts: Host[] = [];
    try {
      for (const subject of subjects) {
        tracker.status(`repeat ${repeat + 1} of ${repeats}: starting ${subject.name}`);
        try {
          hosts.push(await Host.start(subject, child));
        } catch (error) {
          const problem = `did not start: ${error instanceof Error ? error.message : String(error)}`;
          for (const { name } of scenarios) {
            tracker.sample({ subject: subject.name, scenario: name, repeat, value: undefined, problem });
          }
        }
      }
      for (const scenario of scenarios) {
        for (let turn = 0; turn < hosts.length; turn++) {
          const host = hosts[(turn + repeat) % hosts.length];
          if (host === undefined) continue;
          tracker.status(`repeat ${repeat + 1} of ${repeats}: ${scenario.title}, ${host.subject.name}`);
          tracker.sample(await measure(host, scenario, repeat));
        }
      }
    } finally {
      for (const host of hosts) {
        tracker.status(`repeat ${repeat + 1} of ${repeats}: ending ${host.subject.name}`);
        const left = await host.stop();
        if (left > 0) tracker.leftBehind(host.subject.name, left);
      }
    }
  }
}
