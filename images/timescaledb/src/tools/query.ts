import { z } from "zod";
import { BoundedRows } from "../database/bounded.ts";
import type { Result, Session } from "../database/database.ts";
import { columnsOf } from "../database/values.ts";
import { ToolError } from "../errors.ts";
import { defineTool, type Limits } from "../tool.ts";
import { columns, resultRows } from "./schemas.ts";

/** Rows that are asked for at a time. */
const BATCH = 100;

/** The first word of a statement, after what may stand before it. */
export function firstWord(sql: string): string {
  const rest = sql.replace(/^(?:\s+|--[^\n]*(?:\n|$)|\/\*(?:[^*]|\*(?!\/))*\*\/)+/, "");
  return /^\(*\s*([a-z]+)/i.exec(rest)?.[1]?.toUpperCase() ?? "";
}

/** Statements that read, and that a cursor takes; and those that are small by nature. */
const CURSOR = new Set(["SELECT", "WITH", "VALUES", "TABLE"]);
const DIRECT = new Set(["EXPLAIN", "SHOW"]);

/**
 * Reads through a cursor: it takes one SELECT and nothing that changes data, and gives rows as they are asked for, so
 * that a statement without LIMIT costs no more than what is shown of it.
 */
async function readRows(session: Session, sql: string, rows: BoundedRows, limits: Limits): Promise<Result> {
  const deadline = Date.now() + limits.statementTimeoutMs;
  await session.query(`DECLARE mcp_query NO SCROLL CURSOR FOR ${sql}`);
  for (;;) {
    // Set anew each time: the statement itself can call set_config.
    await session.query(`SET LOCAL statement_timeout = ${Math.max(1, deadline - Date.now())}`);
    const batch = await session.query(`FETCH ${BATCH} FROM mcp_query`);
    rows.add(batch.fields, batch.rows);
    if (batch.rows.length < BATCH || rows.truncated) return batch;
  }
}

export const query = defineTool({
  name: "query",
  title: "Read-only SQL",
  description:
    "Runs one SELECT (or WITH, VALUES, TABLE, EXPLAIN, SHOW) in a READ ONLY transaction with a time limit, as a role " +
    "that can only read. Rows come as lists in the order of `columns`; `truncated` says that there are more. Times " +
    "are in UTC; numbers that JSON cannot hold exactly come as text.",
  effect: "read",
  input: z.strictObject({
    sql: z.string().min(1).max(20_000).describe("One statement, with or without a `;` at its end."),
    limit: z
      .int()
      .min(1)
      .max(10_000)
      .default(100)
      .describe("Rows to return at most; the server's own limit holds, too."),
  }),
  output: z.object({
    columns,
    rows: resultRows,
    row_count: z.int().describe("Rows that are shown."),
    truncated: z.boolean().describe("True: there are more, left out by `limit` or for their size."),
  }),
  run: ({ database, limits }, { sql, limit }) => {
    const word = firstWord(sql);
    if (!CURSOR.has(word) && !DIRECT.has(word)) {
      throw new ToolError(
        `the statement begins with ${word || "no word"}; this tool runs ${[...CURSOR, ...DIRECT].join(", ")} only`,
      );
    }
    return database.read(async (session) => {
      const rows = new BoundedRows({ rows: Math.min(limit, limits.rows), bytes: limits.bytes });
      let result: Result;
      if (CURSOR.has(word)) {
        result = await readRows(session, sql, rows, limits);
      } else {
        result = await session.query(sql);
        rows.add(result.fields, result.rows);
      }
      return {
        columns: await columnsOf(session, result),
        rows: rows.rows,
        row_count: rows.rows.length,
        truncated: rows.truncated,
      };
    });
  },
});
