import type { Parameter } from "../database/database.ts";
import { qualified, quoted } from "../database/identifiers.ts";
import { ToolError } from "../errors.ts";
import { stepSql, type TimeKind } from "./time.ts";

export const aggregateFunctions = [
  "count",
  "count_distinct",
  "sum",
  "avg",
  "min",
  "max",
  "stddev",
  "first",
  "last",
  "percentile",
] as const;

export interface Aggregate {
  readonly function: (typeof aggregateFunctions)[number];
  readonly column?: string | undefined;
  readonly fraction?: number | undefined;
  readonly as?: string | undefined;
}

export const operators = [
  "=",
  "!=",
  "<",
  "<=",
  ">",
  ">=",
  "in",
  "not in",
  "like",
  "ilike",
  "is null",
  "is not null",
] as const;

export interface Filter {
  readonly column: string;
  readonly operator: (typeof operators)[number];
  readonly value?: string | number | boolean | undefined;
  readonly values?: readonly (string | number | boolean)[] | undefined;
}

/** A bucketed query whose names have been looked up and whose points are text for the time column. */
export interface BucketQuery {
  readonly relation: { readonly schema: string; readonly name: string };
  /** Types of the relation's columns, by name. */
  readonly columns: ReadonlyMap<string, string>;
  /** Schema of TimescaleDB's functions, quoted. */
  readonly functions: string;
  readonly time: { readonly column: string; readonly kind: TimeKind };
  readonly bucket: string | number;
  readonly timezone?: string | undefined;
  readonly aggregates: readonly Aggregate[];
  readonly groupBy: readonly string[];
  readonly filters: readonly Filter[];
  readonly start?: string | undefined;
  readonly end?: string | undefined;
  readonly gapfill: "none" | "null" | "locf" | "interpolate";
  readonly descending: boolean;
  readonly limit: number;
}

export interface Statement {
  readonly sql: string;
  readonly parameters: readonly Parameter[];
}

/** Builds the statement: names are those of the catalogue, quoted; every value is a parameter. */
export function bucketSql(query: BucketQuery): Statement {
  const { time, functions, gapfill } = query;
  const parameters: Parameter[] = [];
  const parameter = (value: Parameter): string => `$${parameters.push(value)}`;
  const column = (name: string): string => {
    if (query.columns.has(name)) return quoted(name);
    const known = [...query.columns.keys()].map((it) => `"${it}"`).join(", ");
    throw new ToolError(`the table "${query.relation.name}" has no column "${name}"; it has ${known}`);
  };
  const type = (name: string) => query.columns.get(name);
  const bound = (text: string): string => `${parameter(text)}::${time.kind === "integer" ? "bigint" : time.kind}`;

  const timeColumn = column(time.column);
  const range = { start: query.start && bound(query.start), end: query.end && bound(query.end) };
  const filled = gapfill !== "none";
  if (filled && !(range.start && range.end)) {
    throw new ToolError("gapfill needs both ends of the time range; give `start` and `end`, or `last`");
  }
  if (query.timezone !== undefined && time.kind !== "timestamptz") {
    throw new ToolError(
      `the time column "${time.column}" is a ${time.kind} and has no time zone; leave out \`timezone\``,
    );
  }
  const bucketArguments = [
    stepSql(time.kind, query.bucket, time.column),
    timeColumn,
    ...(query.timezone === undefined ? [] : [`${parameter(query.timezone)}::text`]),
    ...(filled && range.start && range.end ? [range.start, range.end] : []),
  ];
  const bucket = `${functions}.${filled ? "time_bucket_gapfill" : "time_bucket"}(${bucketArguments.join(", ")})`;

  const aggregates = query.aggregates.map((aggregate) => {
    const value = aggregateSql(aggregate, { column, type, parameter, functions, timeColumn });
    const fill = gapfill === "locf" || gapfill === "interpolate" ? `${functions}.${gapfill}(${value})` : value;
    return `${fill} AS ${quoted(alias(aggregate))}`;
  });
  const groups = query.groupBy.map(column);
  checkNames(["bucket", ...query.groupBy, ...query.aggregates.map(alias)]);
  const conditions = [
    ...(range.start ? [`${timeColumn} >= ${range.start}`] : []),
    ...(range.end ? [`${timeColumn} < ${range.end}`] : []),
    ...query.filters.map((filter) => conditionSql(filter, column, parameter)),
  ];
  const positions = ["bucket", ...groups].map((_, index) => index + 1);
  const sql = [
    `SELECT ${[`${bucket} AS "bucket"`, ...groups, ...aggregates].join(", ")}`,
    `FROM ${qualified(query.relation)}`,
    ...(conditions.length > 0 ? [`WHERE ${conditions.join(" AND ")}`] : []),
    `GROUP BY ${positions.join(", ")}`,
    `ORDER BY ${positions.map((position) => (position === 1 && query.descending ? "1 DESC" : position)).join(", ")}`,
    // One more than is shown tells whether there are more.
    `LIMIT ${query.limit + 1}`,
  ].join(" ");
  return { sql, parameters };
}

/** Name of an aggregate's column: `avg_temperature`, unless it is given one. */
const alias = ({ as, function: name, column, fraction }: Aggregate): string =>
  as ?? [name === "percentile" ? `p${(fraction ?? 0) * 100}` : name, column].filter((it) => it !== undefined).join("_");

function checkNames(names: readonly string[]): void {
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice === undefined) return;
  throw new ToolError(`two columns of the result are called "${twice}"; name the aggregates with \`as\``);
}

const NUMBERS: ReadonlySet<string> = new Set(["smallint", "integer", "bigint", "numeric"]);

interface Parts {
  readonly type: (name: string) => string | undefined;
  readonly column: (name: string) => string;
  readonly parameter: (value: Parameter) => string;
  readonly functions: string;
  readonly timeColumn: string;
}

function aggregateSql({ function: name, column: of, fraction }: Aggregate, parts: Parts): string {
  if (of === undefined) {
    if (name === "count") return "count(*)";
    throw new ToolError(`the aggregate ${name} needs a \`column\``);
  }
  const value = parts.column(of);
  if (name === "count_distinct") return `count(DISTINCT ${value})`;
  if (name === "first" || name === "last") return `${parts.functions}.${name}(${value}, ${parts.timeColumn})`;
  // An average is no exact number anyway, and Postgres would give that of integers 16 or more digits.
  const mean = (name === "avg" || name === "stddev") && NUMBERS.has(parts.type(of) ?? "");
  if (name !== "percentile") return `${name}(${value})${mean ? "::float8" : ""}`;
  if (fraction === undefined) throw new ToolError("the aggregate percentile needs a `fraction`, such as 0.95");
  return `percentile_cont(${parts.parameter(fraction)}::float8) WITHIN GROUP (ORDER BY ${value})`;
}

function conditionSql(
  { column: name, operator, value, values }: Filter,
  column: Parts["column"],
  parameter: Parts["parameter"],
): string {
  const left = column(name);
  if (operator === "is null" || operator === "is not null") return `${left} ${operator.toUpperCase()}`;
  if (operator === "in" || operator === "not in") {
    if (values === undefined) throw new ToolError(`the filter on "${name}" with \`${operator}\` needs \`values\``);
    return `${left} ${operator.toUpperCase()} (${values.map(parameter).join(", ")})`;
  }
  if (value === undefined) throw new ToolError(`the filter on "${name}" with \`${operator}\` needs a \`value\``);
  return `${left} ${operator === "!=" ? "<>" : operator.toUpperCase()} ${parameter(value)}`;
}
