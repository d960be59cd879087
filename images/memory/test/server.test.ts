import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Database } from "../src/database/database.ts";
import { explain } from "../src/database/faults.ts";
import { migrate } from "../src/database/migrate.ts";
import { Memory } from "./fixtures/memory.ts";
import type { Session } from "./fixtures/session.ts";

const memory = new Memory();
// To make a database takes seconds, and longer on a machine that has others to serve.
beforeAll(() => migrate(memory.database), 180_000);
afterAll(() => memory.database.close());

const node = (name: string, ...observations: string[]) => ({ name, entityType: "node", observations });
const edge = (from: string, to: string) => ({ from, to, relationType: "to" });
const namesOf = ({ entities }: { entities: { name: string }[] }) => entities.map(({ name }) => name);
const UPDATED = { method: "notifications/resources/updated", params: { uri: "memory://knowledge-graph" } };
const RESOURCE = { uri: "memory://knowledge-graph" };

/** Every page, as a client reads them one after the other. */
async function pages(session: Session, tool: string, args: object) {
  const all = [];
  for (let cursor: string | undefined; ; ) {
    const { structuredContent } = await session.call(tool, { ...args, ...(cursor !== undefined && { cursor }) });
    const { nextCursor, ...page } = structuredContent;
    all.push(page);
    if (nextCursor === undefined) return all;
    cursor = nextCursor;
  }
}

describe("pages", () => {
  const entities = ["a", "b", "c", "d", "e"].map((name) => node(name, name === "c" ? "odd one" : "even"));
  const relations = [edge("a", "b"), edge("c", "nobody"), edge("nobody", "nowhere")];

  test("of read_graph hold each entity and each relation once, and end without a cursor", async () => {
    const session = await memory.session("pages");
    await session.call("create_entities", { entities });
    await session.call("create_relations", { relations });
    for (const limit of [1, 2, 3, 4, 5, 7, 8, 9, 1000]) {
      const read = await pages(session, "read_graph", { limit });
      expect(read.flatMap((page) => page.entities)).toEqual(entities);
      expect(read.flatMap((page) => page.relations)).toEqual(relations);
      expect(read.length, `pages of ${limit}`).toBe(Math.ceil(8 / limit));
    }
  });

  test("of search_nodes hold each entity once, with all its relations", async () => {
    const session = await memory.session("pages");
    expect(await pages(session, "search_nodes", { query: "even", limit: 3 })).toEqual([
      { entities: entities.filter(({ name }) => "abd".includes(name)), relations: [edge("a", "b")] },
      { entities: [entities[4]], relations: [] },
    ]);
    expect(await pages(session, "search_nodes", { query: "o", limit: 1 })).toHaveLength(5);
  });

  test("a cursor alone is enough, and what is made meanwhile comes at the end", async () => {
    const session = await memory.session("pages");
    const { structuredContent: first } = await session.call("read_graph", { limit: 4 });
    await session.call("create_entities", { entities: [node("f")] });
    const { structuredContent: rest } = await session.call("read_graph", { cursor: first.nextCursor });
    expect(namesOf(rest)).toEqual(["e", "f"]);
    expect(rest.relations).toEqual(relations);
    await session.call("delete_entities", { entityNames: ["f"] });
  });

  test.each([
    [
      "read_graph",
      "nonsense",
      "The cursor is not one of this server; give the `nextCursor` of the page before, or none",
    ],
    [
      "read_graph",
      Buffer.from("e99999999999999999999").toString("base64url"),
      "The cursor is not one of this server; give the `nextCursor` of the page before, or none",
    ],
    [
      "search_nodes",
      Buffer.from("r1").toString("base64url"),
      "The cursor is one of read_graph; give the `nextCursor` of the page before, or none",
    ],
  ])("%s refuses the cursor %s", async (tool, cursor, message) => {
    const session = await memory.session("pages");
    const { content, isError } = await session.call(tool, { query: "x", cursor });
    expect([isError, content[0]?.text]).toEqual([true, message]);
  });

  test("an answer that would be too large says what to do", async () => {
    const session = await memory.session("large");
    const observations = ["x".repeat(1_000_000)];
    for (let i = 0; i < 9; i++) {
      await session.call("create_entities", { entities: [{ name: `large ${i}`, entityType: "", observations }] });
    }
    const { content, isError } = await session.call("read_graph");
    expect(isError).toBe(true);
    expect(content[0]?.text).toBe("The answer is over 8 Mi characters. Ask for pages with `limit`, or for fewer nodes");
    expect((await session.call("read_graph", { limit: 2 })).structuredContent.entities).toHaveLength(2);
    await session.call("delete_entities", { entityNames: Array.from({ length: 9 }, (_, i) => `large ${i}`) });
  });
});

describe("search for words", () => {
  test("finds all of them in any order, over all texts of an entity, and takes quotes, or and -", async () => {
    const session = await memory.session("words");
    await session.call("create_entities", {
      entities: [
        { name: "Grace Hopper", entityType: "person", observations: ["Wrote a compiler", "served in the Navy"] },
        { name: "COBOL", entityType: "language", observations: ["compiler by many"] },
        { name: "Ångström", entityType: "person", observations: ["100 % physicist"] },
      ],
    });
    const found = async (query: string) =>
      namesOf((await session.call("search_nodes", { query, mode: "words" })).structuredContent);
    expect(await found("navy HOPPER")).toEqual(["Grace Hopper"]);
    expect(await found("compiler")).toEqual(["Grace Hopper", "COBOL"]);
    expect(await found("compiler -navy")).toEqual(["COBOL"]);
    expect(await found("navy or cobol")).toEqual(["Grace Hopper", "COBOL"]);
    expect(await found('"a compiler"')).toEqual(["Grace Hopper"]);
    expect(await found('"compiler a"')).toEqual([]);
    expect(await found("ångström")).toEqual(["Ångström"]);
    expect(await found("comp")).toEqual([]);
    expect(await found("")).toEqual([]);
  });

  test("an entity of more words than a tsvector takes is still kept and found", async () => {
    const session = await memory.session("words");
    const observation = Array.from({ length: 300_000 }, (_, i) => `w${i}`).join(" ");
    await session.call("create_entities", { entities: [node("Book", observation)] });
    const { structuredContent } = await session.call("search_nodes", { query: "w7 w70", mode: "words" });
    expect(namesOf(structuredContent)).toEqual(["Book"]);
    expect(namesOf((await session.call("search_nodes", { query: "w299999" })).structuredContent)).toEqual(["Book"]);
  });
});

describe("tenants", () => {
  test("neither see nor change each other's graph", async () => {
    const [one, two] = [await memory.session("one"), await memory.session("two")];
    await one.call("create_entities", { entities: [node("same", "of one")] });
    await one.call("create_relations", { relations: [edge("same", "x")] });
    await two.call("create_entities", { entities: [node("same", "of two")] });
    await two.call("delete_entities", { entityNames: ["x"] });
    await two.call("delete_relations", { relations: [edge("same", "x")] });
    await two.call("delete_observations", { deletions: [{ entityName: "same", observations: ["of one"] }] });
    const { structuredContent } = await one.call("search_nodes", { query: "of" });
    expect(structuredContent).toEqual({ entities: [node("same", "of one")], relations: [edge("same", "x")] });
    expect((await two.call("open_nodes", { names: ["same"] })).structuredContent).toEqual({
      entities: [node("same", "of two")],
      relations: [],
    });
  });
});

describe("subscriptions", () => {
  test("tell every session of the tenant that asked, once for each change, until it asks no more", async () => {
    const [writer, reader, deaf, other] = [
      await memory.session("news"),
      await memory.session("news"),
      await memory.session("news"),
      await memory.session("other news"),
    ];
    for (const session of [reader, other]) await session.ask({ method: "resources/subscribe", params: RESOURCE });
    await writer.call("create_entities", { entities: [node("x")] });
    await writer.call("read_graph");
    await writer.call("add_observations", { observations: [{ entityName: "nobody", contents: [] }] });
    await writer.call("delete_entities", { entityNames: ["nobody"] });
    expect([reader.news(), deaf.news(), other.news(), writer.news()]).toEqual([[UPDATED, UPDATED], [], [], []]);
    await reader.ask({ method: "resources/unsubscribe", params: RESOURCE });
    await writer.call("delete_entities", { entityNames: ["x"] });
    expect(reader.news()).toEqual([]);
  });

  test("of a session that has ended are forgotten", async () => {
    const [writer, reader] = [await memory.session("news"), await memory.session("news")];
    await reader.ask({ method: "resources/subscribe", params: RESOURCE });
    await reader.close();
    await writer.call("delete_entities", { entityNames: ["x"] });
    expect(reader.news()).toEqual([]);
  });
});

describe("many at once", () => {
  test("no change is lost, and nothing is made twice", async () => {
    const sessions = await Promise.all([1, 2, 3, 4].map(() => memory.session("crowd")));
    await sessions[0]?.call("create_entities", { entities: [node("shared")] });
    const made = await Promise.all(
      sessions.flatMap((session, i) => [
        session.call("create_entities", { entities: [node("once"), node(`own ${i}`)] }),
        session.call("add_observations", { observations: [{ entityName: "shared", contents: [`by ${i}`, "by all"] }] }),
      ]),
    );
    const created = made.filter((_, i) => i % 2 === 0).flatMap(({ structuredContent }) => namesOf(structuredContent));
    expect(created.sort()).toEqual(["once", "own 0", "own 1", "own 2", "own 3"]);
    const { structuredContent } = (await sessions[1]?.call("open_nodes", { names: ["shared"] })) ?? {};
    expect(structuredContent.entities[0].observations.sort()).toEqual(["by 0", "by 1", "by 2", "by 3", "by all"]);
  });
});

describe("a database that fails", () => {
  const failing = (fault: unknown): Database => ({
    transaction: () => Promise.reject(explain(fault)),
    listen: () => () => {},
    close: () => Promise.resolve(),
  });
  const sqlFault = (code: string) =>
    Object.assign(new Error('value "secret" in relation "hidden"'), { code, severity: "ERROR" });

  test.each([
    [
      Object.assign(new Error("connect ECONNREFUSED 10.1.2.3:5432"), { code: "ECONNREFUSED" }),
      "The database of this memory does not answer; nothing was changed. Try again; if it stays that way, /health and the server's log say more",
      { tool: "read_graph", unavailable: true, error: "ECONNREFUSED" },
    ],
    [
      sqlFault("28P01"),
      "The database of this memory does not let this server in; nothing was changed. Try again; if it stays that way, /health and the server's log say more",
      { tool: "read_graph", unavailable: true, sqlState: "28P01" },
    ],
    [
      sqlFault("57014"),
      "The database took too long and was stopped; nothing was changed. Ask for less at once",
      { tool: "read_graph", unavailable: false, sqlState: "57014" },
    ],
    [
      sqlFault("53100"),
      "The database of this memory failed (SQLSTATE 53100); nothing was changed. Try again; if it stays that way, /health and the server's log say more",
      { tool: "read_graph", unavailable: false, sqlState: "53100" },
    ],
  ])("is a tool error without its words, which the log lacks too (%#)", async (fault, message, fields) => {
    const down = new Memory(failing(fault));
    const session = await down.session();
    expect(await session.call("read_graph")).toEqual({ content: [{ type: "text", text: message }], isError: true });
    expect(down.log).toEqual([{ level: "error", event: "database_failed", fields }]);
    const { answer } = await session.ask({ method: "resources/read", params: RESOURCE });
    expect(answer).toEqual({ error: { code: -32603, message } });
    await expect(down.app().health?.database?.()).rejects.toThrow(message);
  });
});
