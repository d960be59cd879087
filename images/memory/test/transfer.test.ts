import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { EmbeddedDatabase } from "../src/database/embedded.ts";
import { migrate } from "../src/database/migrate.ts";
import { Tenant } from "../src/graph/tenant.ts";
import { exportGraph } from "../src/transfer/export.ts";
import { importGraph } from "../src/transfer/import.ts";
import { splitLines } from "../src/transfer/split.ts";
import { Memory } from "./fixtures/memory.ts";
import type { Recording } from "./reference/record.ts";

const recording = JSON.parse(
  gunzipSync(readFileSync(new URL("reference/recording.json.gz", import.meta.url))).toString(),
) as Recording;
const database = new EmbeddedDatabase(undefined);
const memory = new Memory(database);
// To make a database takes seconds, and longer on a machine that has others to serve.
beforeAll(() => migrate(database), 180_000);
afterAll(() => database.close());

/** A file that arrives in pieces, of a size at which characters are torn apart. */
async function* pieces(text: string | Buffer): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7);
}
const load = (tenant: string, text: string | Buffer) =>
  importGraph(new Tenant(database, tenant), splitLines(pieces(text)));
async function save(tenant: string): Promise<string> {
  const parts: string[] = [];
  await exportGraph(new Tenant(database, tenant), async (part) => void parts.push(part));
  return parts.join("");
}
const entity = (name: string, observations: readonly string[] = [], entityType = "person") =>
  JSON.stringify({ type: "entity", name, entityType, observations });
const relation = (from: string, to: string, relationType = "knows") =>
  JSON.stringify({ type: "relation", from, to, relationType });

describe("files of the reference server", () => {
  test.each(recording.seeds)("come out as they went in, byte for byte (seed $seed)", async ({ seed, file }) => {
    const lines = file.split("\n").length;
    expect(lines).toBeGreaterThan(10);
    expect((await load(`in-${seed}`, file)).lines).toBe(lines);
    expect(await save(`in-${seed}`)).toBe(file);
  });

  test("what a client did here is exported as the reference writes it", async () => {
    const [{ exchanges, file } = { exchanges: [], file: "" }] = recording.seeds;
    const session = await memory.session("played");
    for (const { call } of exchanges) await session.ask(call);
    expect(await save("played")).toBe(file);
  });

  test("an import that is repeated changes nothing", async () => {
    const [{ file } = { file: "" }] = recording.seeds;
    await load("twice", file);
    expect(await load("twice", file)).toMatchObject({ entitiesCreated: 0, entitiesExtended: 0, relationsCreated: 0 });
    expect(await save("twice")).toBe(file);
  });
});

describe("import", () => {
  test("adds to what is there: new nodes, and observations that are missing", async () => {
    await load("merge", [entity("Ada", ["a", "b", "b"]), relation("Ada", "Bob")].join("\n"));
    const more = [entity("Ada", ["B", "b", "b", "b", "C"], "robot"), entity("Bob", ["x"]), relation("Ada", "Bob")];
    expect(await load("merge", more.join("\n"))).toEqual({
      lines: 3,
      entitiesCreated: 1,
      entitiesExtended: 1,
      relationsCreated: 0,
    });
    expect((await save("merge")).split("\n")).toEqual([
      entity("Ada", ["a", "b", "b", "B", "b", "C"]),
      entity("Bob", ["x"]),
      relation("Ada", "Bob"),
    ]);
    // What was added is found, and no query reaches across two observations.
    const session = await memory.session("merge");
    const names = async (query: string) =>
      (await session.call("search_nodes", { query })).structuredContent.entities.map(
        ({ name }: { name: string }) => name,
      );
    expect(await names("c")).toEqual(["Ada"]);
    expect(await names("bC")).toEqual([]);
  });

  test("takes blank lines, carriage returns, a byte order mark, and line separators within texts", async () => {
    await load("forms", `\ufeff${entity("A\u2028B")}\r\n\r\n   \n${relation("A", "B")}\r\n`);
    expect((await save("forms")).split("\n")).toEqual([entity("A\u2028B"), relation("A", "B")]);
  });

  test.each([
    ["{", "line 2 is not JSON; each line must be one entity or relation"],
    ["7", "line 2 is not a JSON object; each line must be one entity or relation"],
    ['{"type":"note"}', 'line 2: `type` must be "entity" or "relation"'],
    [
      '{"type":"entity","name":1,"entityType":"x","observations":["a",2]}',
      "line 2: `name` must be a text, `observations.1` must be a text",
    ],
    ['{"type":"relation","from":"A","to":"B"}', "line 2: `relationType` must be a text"],
    [Buffer.from([0x22, 0xff, 0x22]), "line 2 is not UTF-8"],
  ])("%s: nothing is imported, and the line is named", async (bad, message) => {
    const file = Buffer.concat([
      Buffer.from(`${entity("Ada")}\n`),
      Buffer.from(bad),
      Buffer.from(`\n${entity("Bob")}`),
    ]);
    await expect(load("bad", file)).rejects.toThrow(message);
    expect(await save("bad")).toBe("");
  });

  test("files of more than one batch keep their order", async () => {
    const file = Array.from({ length: 2_500 }, (_, i) => entity(`node ${i}`, [`is ${i}`])).join("\n");
    expect(await load("large", file)).toMatchObject({ lines: 2_500, entitiesCreated: 2_500 });
    expect(await save("large")).toBe(file);
  });
});
