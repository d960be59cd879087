import type { Sample } from "./measure.ts";
import type { Scenario } from "./scenarios.ts";
import { FLOOR, type Subject } from "./subjects.ts";
import { type Cell, correctness, summarise } from "./summary.ts";
import { renderTable, shortNumber, type Target, targetTable } from "./table.ts";

export interface Results {
  readonly subjects: readonly Subject[];
  readonly scenarios: readonly Scenario[];
  readonly samples: readonly Sample[];
  readonly repeats: number;
  /** Processes that a host left behind when it was ended, in all repeats. */
  readonly leftBehind: Readonly<Record<string, number>>;
}

/** What the issue asks of ours, as a ratio to the floor. */
const TARGETS: Readonly<Record<string, { readonly bound: number; readonly least?: boolean }>> = {
  "1k": { bound: 1.1 },
  "64k": { bound: 1.1 },
  "1m": { bound: 1.1 },
  "32x1": { bound: 0.95, least: true },
  burst: { bound: 0.9, least: true },
};
const CPU_TARGET = 1.15;
const CPU_SCENARIOS = ["1k", "32x1"];
/** Of `/sse` to `/mcp`. */
const SSE_TARGET = 1.1;

export function cells({ subjects, scenarios, samples, repeats }: Results, base: string = FLOOR): Cell[] {
  return scenarios.flatMap((scenario) => subjects.map(({ name }) => summarise(samples, name, scenario, base, repeats)));
}

/** All tables, as text. */
export function renderReport(results: Results): string {
  const { subjects, scenarios } = results;
  const all = cells(results);
  const cell = (subject: string, scenario: string): Cell | undefined =>
    all.find((each) => each.subject === subject && each.scenario === scenario);
  const titles = scenarios.map(({ title }) => title);
  const rows = (show: (cell: Cell | undefined) => string): string[][] =>
    subjects.map(({ name }) => [name, ...scenarios.map((scenario) => show(cell(name, scenario.name)))]);
  const section = (title: string, table: string): string => (table === "" ? "" : `${title}\n\n${table}\n`);
  return [
    section(
      "Ratio to the floor relay: median of paired ratios, lowest–highest in brackets\n(!: answers were lost, came twice or came to the wrong session)",
      renderTable(["", ...titles], rows(showRatio)),
    ),
    section(
      "Medians: latency in ms, rates in calls/s",
      renderTable(
        ["", ...titles],
        rows((each) => shortNumber(each?.median)),
      ),
    ),
    section(
      "Ratio to the floor relay of the fastest tenth of the calls (what is left of a busy machine's noise)",
      fastTable(results, cell),
    ),
    section(
      "Processor time of the host per call in µs (ratio to the floor; children apart, behind +)",
      renderTable(["", ...titles], rows(showCpu)),
    ),
    section("Correctness, all calls of all repeats", correctnessTable(results)),
    section("Targets", targetTable(targets(results, cell))),
  ]
    .filter((text) => text !== "")
    .join("\n");
}

function showRatio(cell: Cell | undefined): string {
  if (cell?.ratio === undefined || cell.ratioRange === undefined)
    return /HTTP \d+/.exec(cell?.problem ?? "")?.[0] ?? "–";
  const [low, high] = cell.ratioRange;
  return `${shortNumber(cell.ratio)}${cell.faulty ? " !" : ""} (${shortNumber(low)}–${shortNumber(high)})`;
}

/** Latencies of calls that compete with others of their own kind say nothing here: only one call in flight. */
function fastTable(
  { subjects, scenarios }: Results,
  cell: (subject: string, scenario: string) => Cell | undefined,
): string {
  const serial = scenarios.filter(({ measure }) => measure === "latency");
  if (serial.length === 0) return "";
  const rows = subjects.map(({ name }) => [
    name,
    ...serial.map((each) => shortNumber(cell(name, each.name)?.fastRatio)),
  ]);
  return renderTable(["", ...serial.map(({ title }) => title)], rows);
}

function showCpu(cell: Cell | undefined): string {
  if (!cell?.hostCpuUs) return "–";
  const ratio = cell.cpuRatio === undefined ? "" : ` (${shortNumber(cell.cpuRatio)})`;
  return `${shortNumber(cell.hostCpuUs)}${ratio} + ${shortNumber(cell.childCpuUs)}`;
}

function correctnessTable({ subjects, samples, leftBehind }: Results): string {
  const head = ["", "right", "lost", "duplicated", "wrong session", "altered", "errors", "processes left"];
  const found = subjects.map(({ name }) => correctness(samples, name));
  const rows = found.map(({ subject, tally }) => {
    const { ok, lost, duplicated, altered, error } = tally;
    const counts = [ok, lost, duplicated, tally["wrong session"], altered, error, leftBehind[subject] ?? 0];
    return [subject, ...counts.map((count) => count.toLocaleString("en-GB"))];
  });
  const notes = found.flatMap(({ subject, problems }) =>
    problems.map((problem) => `- ${subject}, ${problem.replaceAll(/\s+/g, " ").slice(0, 160)}`),
  );
  return [renderTable(head, rows), ...(notes.length === 0 ? [] : ["", ...notes])].join("\n");
}

function targets(results: Results, cell: (subject: string, scenario: string) => Cell | undefined): Target[] {
  const toOurs = cells(results, "ours");
  const own = results.scenarios.flatMap(({ name, title }): Target[] => {
    const { ratio, cpuRatio } = cell("ours", name) ?? {};
    const target = TARGETS[name];
    const rows: Target[] = target === undefined ? [] : [{ what: `${title}, /mcp`, value: ratio, ...target }];
    if (!CPU_SCENARIOS.includes(name)) return rows;
    return [...rows, { what: `processor time per call, ${title}, /mcp`, value: cpuRatio, bound: CPU_TARGET }];
  });
  const sse = results.scenarios.map(({ name, title, measure }): Target => {
    const least = measure === "rate";
    const value = toOurs.find((each) => each.subject === "ours-sse" && each.scenario === name)?.ratio;
    return { what: `${title}, /sse to /mcp`, value, bound: least ? 1 / SSE_TARGET : SSE_TARGET, least };
  });
  return [...own, ...sse];
}
