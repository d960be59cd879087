import type { Parameter } from "../database/database.ts";
import { ToolError } from "../errors.ts";
import type { Hypertable } from "./relations.ts";

/** How values along a time column are written in SQL. */
export type TimeKind = "timestamptz" | "timestamp" | "date" | "integer";

const KINDS: Readonly<Record<string, TimeKind>> = {
  "timestamp with time zone": "timestamptz",
  "timestamp without time zone": "timestamp",
  date: "date",
  smallint: "integer",
  integer: "integer",
  bigint: "integer",
};

/** What kind of time a type is; undefined for types that `time_bucket` does not take. */
export const timeKind = (type: string): TimeKind | undefined => KINDS[type];

/** A point as text for the type of a time column. Without an offset it is in UTC. */
export function pointFor(kind: TimeKind, point: string | number, column: string): string {
  if (kind === "integer") {
    if (typeof point === "number") return String(point);
    throw new ToolError(`the time column "${column}" is an integer; give a number, not "${point}"`);
  }
  if (typeof point === "number") {
    throw new ToolError(`the time column "${column}" is a ${kind}; give a time in ISO 8601, not ${point}`);
  }
  const zoned = /([zZ]|[+-]\d\d:?\d\d)$/.test(point) || !point.includes("T") ? point : `${point}Z`;
  const iso = new Date(zoned).toISOString();
  return kind === "timestamptz" ? iso : iso.slice(0, -1);
}

/** As `pointFor`, along the first dimension of a hypertable. */
export function pointText({ timeColumn, timeType }: Hypertable, point: string | number): string {
  const kind = timeKind(timeType);
  if (kind === undefined)
    throw new ToolError(`the time column "${timeColumn}" has the type ${timeType}, which has no ranges`);
  return pointFor(kind, point, timeColumn);
}

/** A step as SQL for the type of a time column; steps are checked intervals or numbers, so they can stand as they are. */
export function stepSql(kind: TimeKind, step: string | number, column: string): string {
  if (kind === "integer") {
    if (typeof step === "number") return String(step);
    throw new ToolError(`the time column "${column}" is an integer; give a number, not "${step}"`);
  }
  if (typeof step === "string") return `INTERVAL '${step}'`;
  throw new ToolError(`the time column "${column}" is a ${kind}; give an interval such as \`1 hour\`, not ${step}`);
}

/** A point as a parameter of the type of a hypertable's time column, for functions that look at the type. */
export function pointSql(table: Hypertable, point: string | number, parameters: Parameter[]): string {
  return `$${parameters.push(pointText(table, point))}::text::${table.timeType}`;
}

/** An age as SQL: an interval, or a number of the type of an integer time column. */
export function ageSql(table: Hypertable, age: string | number): string {
  const { timeColumn, timeType } = table;
  const kind = timeKind(timeType);
  if (kind === undefined)
    throw new ToolError(`the time column "${timeColumn}" has the type ${timeType}, which has no age`);
  const sql = stepSql(kind, age, timeColumn);
  return kind === "integer" ? `${sql}::${timeType}` : sql;
}
