import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { migrate } from "../src/database/migrate.ts";
import { Memory } from "./fixtures/memory.ts";
import type { Recording } from "./reference/record.ts";
import { EDGES, type Exchange, SEEDS, scenario } from "./reference/scenario.ts";

// What the reference server answered, word for word; `reference/record.ts` made it and can make it again.
const file = new URL("reference/recording.json.gz", import.meta.url);
const recording = JSON.parse(gunzipSync(readFileSync(file)).toString()) as Recording;
const memory = new Memory();
// To make a database takes seconds, and longer on a machine that has others to serve.
beforeAll(() => migrate(memory.database), 180_000);
afterAll(() => memory.database.close());

test("the recording is of the calls that the scenarios make today", () => {
  expect(recording.package).toBe("@modelcontextprotocol/server-memory@2026.8.31");
  expect(recording.edges.map(({ call }) => call)).toEqual(EDGES);
  expect(recording.seeds.map(({ seed }) => seed)).toEqual(SEEDS);
  for (const { seed, exchanges } of recording.seeds) expect(exchanges.map(({ call }) => call)).toEqual(scenario(seed));
});

describe("a client cannot tell this server from the reference", () => {
  test.each(recording.seeds)("random calls, seed $seed", async ({ seed, exchanges }) => {
    const session = await memory.session(`seed-${seed}`);
    for (const exchange of exchanges) expect(await session.ask(exchange.call)).toEqual(exchange);
  });

  test("wrong arguments, lists and what is not there", async () => {
    const session = await memory.session("edges");
    for (const exchange of recording.edges)
      expect(asReference(await session.ask(exchange.call))).toEqual(asReference(exchange));
  });
});

/** Takes out what ours has beyond the reference: optional arguments, a cursor, and a word on them. */
function asReference(exchange: Exchange): unknown {
  if (exchange.call.method !== "tools/list") return exchange;
  const copy = structuredClone(exchange.answer.result) as { tools: ListedTool[] };
  for (const { name, inputSchema, outputSchema, ...tool } of copy.tools) {
    for (const extra of ["limit", "cursor", "mode"]) delete inputSchema.properties[extra];
    delete outputSchema.properties.nextCursor;
    if (name === "read_graph") expect(tool.description).toMatch(/^Read the entire knowledge graph/);
  }
  return copy.tools.map((tool) => (tool.name === "read_graph" ? { ...tool, description: "" } : tool));
}

interface ListedTool {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: { readonly properties: Record<string, unknown> };
  readonly outputSchema: { readonly properties: Record<string, unknown> };
}
