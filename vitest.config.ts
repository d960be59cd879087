import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** The longest file starts first: begun last, it would run alone at the end. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLongest = ({ moduleId }: TestSpecification) => /fleet\.test\.ts$|official-suite\.test\.ts$/.test(moduleId);
    const sorted = await super.sort(files);
    return [...sorted.filter(isLongest), ...sorted.filter((file) => !isLongest(file))];
  }
}

// Four levels (CONTRIBUTING.md): `unit` needs nothing but node_modules; `conformance` and `load` start bridges on
// this machine; `integration` needs a Docker engine and a Pulumi CLI, which `npm test` finds or sets up first.
export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    reporters: ["default", "./test/closing-line-reporter.ts"],
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/unit/**/*.test.ts", "images/*/test/**/*.test.ts"],
          // The bridge's tests start processes: on a busy machine that alone can take seconds.
          testTimeout: 30_000,
          // They wait more than they work.
          maxWorkers: 3,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: "conformance",
          include: ["test/conformance/**/*.test.ts"],
          // Beside the unit tests: both mostly wait.
          maxWorkers: 3,
          sequence: { groupOrder: 0 },
          testTimeout: 300_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "load",
          include: ["test/load/**/*.test.ts"],
          testTimeout: 180_000,
          hookTimeout: 60_000,
          // Each of them takes all the processors there are; nothing runs beside them.
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
      {
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          // They wait for engines more than they work; each has names and ports of its own.
          maxWorkers: 2,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
