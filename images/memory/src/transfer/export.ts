import {
  ALL,
  type EntityRow,
  entitiesSql,
  entityOf,
  type RelationRow,
  relationOf,
  relationsSql,
} from "../graph/reading.ts";
import type { Tenant } from "../graph/tenant.ts";
import { entityLine, relationLine } from "./lines.ts";

const BATCH = 1_000;

/** Writes a tenant's graph as the reference server would, byte for byte, a part at a time. */
export function exportGraph(tenant: Tenant, write: (text: string) => Promise<void>) {
  return tenant.read(async ({ query, script }, id) => {
    await script("SET LOCAL statement_timeout = 0");
    const each = async <Row extends { readonly id: string }>(
      sql: string,
      print: (row: Row) => string,
      before: number,
    ) => {
      let count = before;
      for (let after = "0"; ; ) {
        const rows = await query<Row>(sql, [id, after, BATCH]);
        const last = rows.at(-1);
        if (last === undefined) return count - before;
        await write((count > 0 ? "\n" : "") + rows.map(print).join("\n"));
        count += rows.length;
        after = last.id;
      }
    };
    const entities = await each<EntityRow>(entitiesSql(ALL), (row) => entityLine(entityOf(row)), 0);
    const relations = await each<RelationRow>(relationsSql(ALL), (row) => relationLine(relationOf(row)), entities);
    return { entities, relations };
  });
}
