import type { Sample } from "./measure.ts";
import type { Scenario } from "./scenarios.ts";
import { FLOOR, type Subject } from "./subjects.ts";
import { type Cell, correctness, summarise } from "./summary.ts";
import { renderTable, shortNumber } from "./table.ts";

export interface Results {
  readonly subjects: readonly Subject[];
  readonly scenarios: readonly Scenario[];
  readonly samples: readonly Sample[];
  readonly repeats: number;
  /** Processes that a host left behind when it was ended, in all repeats. */
  readonly leftBehind: Readonly<Record<string, number>>;
}

/** What the issue asks of ours, as a ratio to the floor (for `ours-sse`: to `ours`). */
const TARGETS: Readonly<Record<string, { readonly bound: number; readonly least?: boolean }>> = {
  "1k": { bound: 1.1 },
  "64k": { bound: 1.1 },
  "1m": { bound: 1.1 },
  "32x1": { bound: 0.95, least: true },
  burst: { bound: 0.9, least: true },
};
const CPU_TARGET = 1.15;

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
  const section = (title: string, table: string): string => `${title}\n\n${table}\n`;
  return [
    section(
      "Ratio to the floor relay (median of paired ratios, lowest–highest in brackets)",
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
      "Processor time of the host per call in µs (ratio to the floor; children apart, behind +)",
      renderTable(["", ...titles], rows(showCpu)),
    ),
    section("Correctness, all calls of all repeats", correctnessTable(results)),
    section("Targets", targetTable(results, cell)),
  ].join("\n");
}

function showRatio(cell: Cell | undefined): string {
  if (cell?.ratio === undefined || cell.ratioRange === undefined) return "–";
  const [low, high] = cell.ratioRange;
  return `${shortNumber(cell.ratio)} (${shortNumber(low)}–${shortNumber(high)})`;
}

function showCpu(cell: Cell | undefined): string {
  if (!cell?.hostCpuUs) return "–";
  const ratio = cell.cpuRatio === undefined ? "" : ` (${shortNumber(cell.cpuRatio)})`;
  return `${shortNumber(cell.hostCpuUs)}${ratio} + ${shortNumber(cell.childCpuUs)}`;
}

function correctnessTable({ subjects, samples, leftBehind }: Results): string {
  const head = [
    "",
    "right",
    "lost",
    "duplicated",
    "wrong session",
    "altered",
    "errors",
    "processes left",
    "what went wrong first",
  ];
  const rows = subjects.map(({ name }) => {
    const { tally, problem } = correctness(samples, name);
    const { ok, lost, duplicated, altered, error } = tally;
    const counts = [ok, lost, duplicated, tally["wrong session"], altered, error, leftBehind[name] ?? 0];
    return [name, ...counts.map(String), (problem ?? "").replaceAll("|", "/").replaceAll("\n", " ").slice(0, 160)];
  });
  return renderTable(head, rows);
}

function targetTable(results: Results, cell: (subject: string, scenario: string) => Cell | undefined): string {
  const rows: string[][] = [];
  const row = (what: string, value: number | undefined, bound: number, least = false): void => {
    if (value === undefined) return;
    const met = least ? value >= bound : value <= bound;
    rows.push([what, `${least ? "≥" : "≤"} ${shortNumber(bound)}`, value.toFixed(3), met ? "met" : "missed"]);
  };
  for (const { name, title } of results.scenarios) {
    const target = TARGETS[name];
    if (target !== undefined) row(`${title}, /mcp`, cell("ours", name)?.ratio, target.bound, target.least);
    if (name === "32x1") row("CPU per call at 32 × 1, /mcp", cell("ours", name)?.cpuRatio, CPU_TARGET);
    if (name === "1k") row("CPU per call at 1 KB, /mcp", cell("ours", name)?.cpuRatio, CPU_TARGET);
  }
  const toOurs = cells(results, "ours");
  for (const { name, title, measure } of results.scenarios) {
    const least = measure === "rate";
    const ratio = toOurs.find((each) => each.subject === "ours-sse" && each.scenario === name)?.ratio;
    row(`${title}, /sse to /mcp`, ratio, least ? 1 / 1.1 : 1.1, least);
  }
  return renderTable(["", "target", "measured", ""], rows);
}
