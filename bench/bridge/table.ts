/** Rows as Markdown, padded so that they read well in a terminal too. First column to the left, others to the right. */
export function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(3, title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${widths.map((width, column) => pad(cells[column] ?? "", width, column)).join(" | ")} |`;
  const rule = widths.map((width, column) => (column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`));
  return [line(head), line(rule), ...rows.map(line)].join("\n");
}

function pad(cell: string, width: number, column: number): string {
  return column === 0 ? cell.padEnd(width) : cell.padStart(width);
}

/** Three digits that matter, no exponent. */
export function shortNumber(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return "–";
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en-GB");
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}

/** A digit more, so that a value just past its bound does not look like it. */
function precise(value: number): string {
  return Math.abs(value) >= 10 ? shortNumber(value) : value.toFixed(3);
}

/** What the issue asks of ours. */
export interface Target {
  readonly what: string;
  readonly value: number | undefined;
  readonly bound: number;
  /** The value is to be at least the bound, not at most. */
  readonly least?: boolean;
}

/** Targets that were measured, and whether they are met; empty if none was. */
export function targetTable(targets: readonly Target[]): string {
  const rows = targets.flatMap(({ what, value, bound, least = false }) => {
    if (value === undefined || !Number.isFinite(value)) return [];
    const met = least ? value >= bound : value <= bound;
    return [[what, `${least ? "≥" : "≤"} ${shortNumber(bound)}`, precise(value), met ? "met" : "missed"]];
  });
  return rows.length === 0 ? "" : renderTable(["", "target", "measured", ""], rows);
}
