import type { Result, Session } from "./database.ts";

/** A value of a result, as JSON has it. */
export type Value = unknown;

/** Numbers of types in `pg_type`, which never change. */
const BOOL = 16;
const INTEGERS: ReadonlySet<number> = new Set([20, 21, 23, 26]);
const DECIMALS: ReadonlySet<number> = new Set([700, 701]);
const NUMERIC = 1700;
const JSONS: ReadonlySet<number> = new Set([114, 3802]);
const TIMESTAMPS: ReadonlySet<number> = new Set([1114, 1184]);

/** ISO 8601 out of what Postgres writes in UTC: `2026-01-01 00:00:00+00` is `2026-01-01T00:00:00Z`. */
const isoTime = (text: string): string => text.replace(/^(\d{4,}-\d\d-\d\d) /, "$1T").replace(/\+00(:00)?$/, "Z");

/** A number where JSON can hold it as it is; its text otherwise (`NaN`, beyond 2^53, more digits than a double has). */
function numberOrText(text: string): number | string {
  const value = Number(text);
  return Number.isFinite(value) && (!/^-?\d+$/.test(text) || Number.isSafeInteger(value)) ? value : text;
}

/** An exact decimal, without the zeros that an average ends in; its text where a double has not all of its digits. */
function decimal(text: string): number | string {
  const short = text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  return short.replace(/\D/g, "").length > 15 ? short : numberOrText(short);
}

/** Postgres' text for a value, as JSON says the same. */
export function decode(text: string | null, type: number): Value {
  if (text === null) return null;
  if (type === BOOL) return text === "t";
  if (INTEGERS.has(type)) return numberOrText(text);
  if (type === NUMERIC) return decimal(text);
  if (DECIMALS.has(type)) return numberOrText(text);
  if (JSONS.has(type)) return JSON.parse(text);
  return TIMESTAMPS.has(type) ? isoTime(text) : text;
}

/** Rows of a query of ours as objects: Postgres makes JSON of them, the same with every driver. */
export async function objects<Row>(
  session: Session,
  sql: string,
  parameters?: Parameters<Session["query"]>[1],
): Promise<Row[]> {
  const { rows } = await session.query(`SELECT to_json(row_) FROM (${sql}) row_`, parameters);
  return rows.map(([json = null]) =>
    JSON.parse(json ?? "null", (_key, value) =>
      typeof value === "string" && /^\d{4,}-\d\d-\d\dT[\d:.]+\+00:00$/.test(value) ? isoTime(value) : value,
    ),
  );
}

/** Names of the types of a result's columns, such as `timestamp with time zone`. */
export async function columnsOf(session: Session, { fields }: Pick<Result, "fields">) {
  const types = [...new Set(fields.map(({ type }) => type))];
  const { rows } = await session.query(
    "SELECT oid::text, format_type(oid, NULL) FROM unnest($1::text::oid[]) AS wanted(oid)",
    [`{${types.join(",")}}`],
  );
  const names = new Map(rows.map(([oid, name]) => [Number(oid), name ?? "unknown"]));
  return fields.map(({ name, type }) => ({ name, type: names.get(type) ?? "unknown" }));
}
