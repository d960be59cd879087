import { createProgress, type Progress } from "../cli/progress.ts";

/** One step of a set-up and how long it took. */
export interface TimedStep {
  readonly subject: string;
  readonly milliseconds: number;
}

/** Progress that is shown as usual and keeps the time of each step. */
export function timedProgress(): Progress & { readonly steps: readonly TimedStep[] } {
  const steps: TimedStep[] = [];
  const shown = createProgress();
  return {
    steps,
    async step(subject, work) {
      const started = performance.now();
      try {
        return await shown.step(subject, work);
      } finally {
        steps.push({ subject, milliseconds: performance.now() - started });
      }
    },
  };
}
