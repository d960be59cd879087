import type { Parameter, Session } from "../database/database.ts";
import { objects } from "../database/values.ts";
import { ToolError } from "../errors.ts";

/**
 * One page of a query, with the number of all its rows. The query has an order; it is run once.
 * @param extend a query over `shown`, the rows of the page, for what would be slow to find out about all
 */
export async function paged<Row extends object>(
  session: Session,
  sql: string,
  parameters: readonly Parameter[],
  { limit, offset }: { readonly limit: number; readonly offset: number },
  extend = "SELECT * FROM shown",
): Promise<{ total: number; rows: Row[] }> {
  const last = parameters.length;
  const found = await objects<{ total: number; row: Row }>(
    session,
    `WITH found AS MATERIALIZED (${sql}),
       shown AS MATERIALIZED (SELECT * FROM found LIMIT $${last + 1}::int OFFSET $${last + 2}::int)
     SELECT (SELECT count(*) FROM found) AS total, to_json(extended) AS row FROM (${extend}) extended`,
    [...parameters, limit, offset],
  );
  if (found.length === 0 && offset > 0)
    throw new ToolError(`offset ${offset} is beyond the last entry; use a smaller one`);
  return { total: found[0]?.total ?? 0, rows: found.map(({ row }) => row) };
}
