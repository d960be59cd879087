import type { Reporter, TestModule } from "vitest/node";

/** Ends a run with one plain line, `N passed, N failed[, N skipped]`, which any CI can read. */
export default class ClosingLineReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const count = { passed: 0, failed: unhandledErrors.length, skipped: 0, pending: 0 };
    for (const module of modules) {
      const tests = [...module.children.allTests()];
      for (const test of tests) count[test.result().state]++;
      // A file that fails outside its tests (an import, a hook) has no failed test to count.
      if (module.state() === "failed" && !tests.some((test) => test.result().state === "failed")) count.failed++;
    }
    const skipped = count.skipped + count.pending;
    // Exit handlers run after vitest's own summary, so this stays the last line.
    process.on("exit", () => {
      process.stdout.write(`${count.passed} passed, ${count.failed} failed${skipped ? `, ${skipped} skipped` : ""}\n`);
    });
  }
}
