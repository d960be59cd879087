import { z } from "zod";
import type { Parameter } from "../database/database.ts";
import { ToolError } from "../errors.ts";
import { findHypertable } from "../timescale/relations.ts";
import { pointSql } from "../timescale/time.ts";
import { requireCommunity, timescale } from "../timescale/timescale.ts";
import { defineTool } from "../tool.ts";
import { point, tableName } from "./schemas.ts";

export const refreshContinuousAggregate = defineTool({
  name: "refresh_continuous_aggregate",
  title: "Refresh a continuous aggregate",
  description:
    "Materialises a range of a continuous aggregate anew from its source. It has to fit into the statement timeout: " +
    "refresh a long range in pieces. Where the source has dropped its data, the aggregate loses that range, too.",
  effect: "destroy",
  input: z.strictObject({
    ...tableName,
    start: point.optional().describe("Inclusive; without it from the beginning."),
    end: point.optional().describe("Exclusive; without it to the end."),
  }),
  output: z.object({ schema: z.string(), name: z.string(), start: z.string().nullable(), end: z.string().nullable() }),
  run: async ({ database }, { start, end, ...name }) => {
    const { table, schema } = await database.read(async (session) => {
      const found = await timescale(session);
      requireCommunity(found, "a continuous aggregate");
      return { table: await findHypertable(session, name), schema: found.schema };
    });
    const { asked } = table;
    if (table.kind !== "continuous_aggregate") {
      throw new ToolError(
        `"${asked.schema}.${asked.name}" is no continuous aggregate; list_continuous_aggregates names those that there are`,
      );
    }
    const parameters: Parameter[] = [];
    const [from, to] = [start, end].map((at) => (at === undefined ? "NULL" : pointSql(table, at, parameters)));
    // A procedure that commits on its own, so it must not be in a transaction.
    await database.call(
      `CALL ${schema}.refresh_continuous_aggregate('${asked.oid}'::regclass, ${from}, ${to})`,
      parameters,
    );
    const text = (at: string | number | undefined) => (at === undefined ? null : String(at));
    return { schema: asked.schema, name: asked.name, start: text(start), end: text(end) };
  },
});
