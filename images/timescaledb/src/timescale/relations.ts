import type { Session } from "../database/database.ts";
import { objects } from "../database/values.ts";
import { ToolError } from "../errors.ts";

/** How a tool is told of a table. */
export interface TableName {
  readonly table: string;
  readonly schema?: string | undefined;
}

/** A table, view or continuous aggregate of the catalogue. */
export interface Relation {
  readonly schema: string;
  readonly name: string;
  readonly oid: string;
}

/** A hypertable, or the one behind a continuous aggregate, with its first dimension. */
export interface Hypertable extends Relation {
  /** The relation as it was asked for: the continuous aggregate where `name` is what is behind it. */
  readonly asked: Relation;
  readonly kind: "hypertable" | "continuous_aggregate";
  readonly timeColumn: string;
  readonly timeType: string;
}

const CANDIDATES = `
  SELECT n.nspname AS schema, c.relname AS name, c.oid::text AS oid,
    array_position(current_schemas(false), n.nspname) IS NOT NULL AS on_path
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relname = $1::text
    AND CASE WHEN $2::text IS NULL THEN n.nspname !~ '^(pg_|_timescaledb_|information_schema$)' ELSE n.nspname = $2::text END
  ORDER BY array_position(current_schemas(false), n.nspname) NULLS LAST, n.nspname`;

/**
 * Finds a table by its exact name; without a schema, as the search path does, and beyond it where only one has that
 * name. `schema.table` in one is understood where no table has a dot in its name.
 * @throws ToolError that names the schemas where there are several.
 */
export async function findRelation(session: Session, { table, schema }: TableName): Promise<Relation> {
  const search = (name: string, inSchema: string | undefined) =>
    objects<Relation & { on_path: boolean }>(session, CANDIDATES, [name, inSchema ?? null]);
  let found = await search(table, schema);
  const dot = table.indexOf(".");
  if (found.length === 0 && schema === undefined && dot > 0) {
    found = await search(table.slice(dot + 1), table.slice(0, dot));
  }
  const [first, second] = found;
  if (first === undefined) {
    const where = schema === undefined ? "" : ` in the schema "${schema}"`;
    throw new ToolError(`there is no table "${table}"${where}; list_hypertables names those that there are`);
  }
  if (!first.on_path && second !== undefined) {
    const schemas = found.map((candidate) => `"${candidate.schema}"`).join(", ");
    throw new ToolError(`the table "${table}" is in several schemas: ${schemas}; name one of them as \`schema\``);
  }
  return { schema: first.schema, name: first.name, oid: first.oid };
}

const HYPERTABLE = `
  SELECT d.hypertable_schema AS schema, d.hypertable_name AS name, c.oid::text AS oid, a.view_name IS NOT NULL AS aggregate,
    d.column_name AS "timeColumn", d.column_type::text AS "timeType"
  FROM timescaledb_information.dimensions d
  JOIN pg_namespace n ON n.nspname = d.hypertable_schema
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = d.hypertable_name
  LEFT JOIN timescaledb_information.continuous_aggregates a
    ON a.materialization_hypertable_schema = d.hypertable_schema AND a.materialization_hypertable_name = d.hypertable_name
  WHERE d.dimension_number = 1
    AND (c.oid = $1::text::oid OR (a.view_schema = $2::text AND a.view_name = $3::text))`;

/** The hypertable of a relation, or undefined for any other table. */
export async function hypertableOf(session: Session, asked: Relation): Promise<Hypertable | undefined> {
  const [row] = await objects<Omit<Hypertable, "asked" | "kind"> & { aggregate: boolean }>(session, HYPERTABLE, [
    asked.oid,
    asked.schema,
    asked.name,
  ]);
  if (row === undefined) return undefined;
  const { aggregate, ...hypertable } = row;
  return { ...hypertable, asked, kind: aggregate ? "continuous_aggregate" : "hypertable" };
}

/** @throws ToolError for a table that is no hypertable. */
export async function findHypertable(session: Session, name: TableName): Promise<Hypertable> {
  const relation = await findRelation(session, name);
  const hypertable = await hypertableOf(session, relation);
  if (hypertable !== undefined) return hypertable;
  throw new ToolError(
    `"${relation.schema}.${relation.name}" is no hypertable; list_hypertables names those that there are`,
  );
}
