import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bootstrapSql } from "../../components/backends/postgres-bootstrap.ts";
import { scramVerifier } from "../../components/backends/scram.ts";
import { migrate, migrationsOf } from "../../images/memory/src/database/migrate.ts";
import { PostgresDatabase } from "../../images/memory/src/database/postgres.ts";
import { entitiesSql, matching, named } from "../../images/memory/src/graph/reading.ts";
import { Tenant } from "../../images/memory/src/graph/tenant.ts";
import { importGraph } from "../../images/memory/src/transfer/import.ts";
import { Memory } from "../../images/memory/test/fixtures/memory.ts";
import type { Session } from "../../images/memory/test/fixtures/session.ts";
import type { Recording } from "../../images/memory/test/reference/record.ts";
import { asSuperuser, docker, healthy, PostgresContainers, query } from "./postgres-container.ts";

// The memory server on the stack's own Postgres, set up as the stack does: what PGlite, with its one connection,
// cannot show.
const login = { user: "memory_user", password: "a password of the test", database: "memory_db" };
const sql = bootstrapSql({
  managed: true,
  roles: [{ name: login.user, verifier: scramVerifier(login.user, login.password), connectionLimit: 60 }],
  databases: [{ name: login.database, owner: login.user, extensions: ["pg_trgm"] }],
});

let containers: PostgresContainers;
let server: string;
const opened: PostgresDatabase[] = [];

/** The database as a replica of its own has it. */
function open(settings: { connections?: number; statementTimeout?: number } = {}): PostgresDatabase {
  const port = Number(docker("port", server, "5432/tcp").split("\n")[0]?.split(":").at(-1));
  const database = new PostgresDatabase(
    { host: "127.0.0.1", port, ...login, connections: 4, statementTimeout: 10_000, ...settings },
    () => {},
  );
  opened.push(database);
  return database;
}

beforeAll(async () => {
  containers = new PostgresContainers();
  const data = `--volume=${containers.volume("memory")}:/var/lib/postgresql/data`;
  // A port that stays when the server is restarted.
  server = containers.run("memory", containers.build("postgres"), { MCP_BOOTSTRAP_SQL: sql }, data);
  await healthy(server);
});

afterAll(async () => {
  await Promise.all(opened.map((database) => database.close().catch(() => {})));
  await containers[Symbol.asyncDispose]();
});

/** Connections are made anew, on a machine that may have others to serve. */
const slowly = { timeout: 20_000 };
const node = (name: string, ...observations: string[]) => ({ name, entityType: "node", observations });
const rows = (text: string) => query(server, login, text);

describe("migrations", () => {
  test("of five replicas that start at once are applied once", async () => {
    const applied = await Promise.all(Array.from({ length: 5 }, () => migrate(open({ connections: 1 }))));
    expect(applied.flat()).toEqual(["001-graph.sql"]);
    expect(await rows("SELECT number, name FROM memory.migrations")).toEqual([[1, "001-graph.sql"]]);
  });

  test("that fail leave nothing behind", async () => {
    const next = { number: 2, name: "002-bad.sql", sql: "CREATE TABLE memory.half (); SELECT 1 / 0" };
    await expect(migrate(open(), [...migrationsOf(), next])).rejects.toThrow("SQLSTATE 22012");
    expect(await rows("SELECT to_regclass('memory.half'), count(*)::int FROM memory.migrations")).toEqual([[null, 1]]);
  });

  test("that were changed, or are of a newer version, are refused", async () => {
    const [first] = migrationsOf();
    const changed = [{ number: 1, name: "001-graph.sql", sql: `${first?.sql} ` }];
    await expect(migrate(open(), changed)).rejects.toThrow(
      "migration 001-graph.sql is not what was applied to the database as 001-graph.sql; never change one",
    );
    await expect(migrate(open(), [])).rejects.toThrow(
      "the database has migration 001-graph.sql, which this version does not know; run a newer version",
    );
  });
});

describe("the reference server's answers", () => {
  const file = new URL("../../images/memory/test/reference/recording.json.gz", import.meta.url);
  const recording = JSON.parse(gunzipSync(readFileSync(file)).toString()) as Recording;

  test.each(recording.seeds)("are this server's on Postgres too (seed $seed)", async ({ seed, exchanges }) => {
    const session = await new Memory(open()).session(`seed-${seed}`);
    for (const exchange of exchanges) expect(await session.ask(exchange.call)).toEqual(exchange);
    await session.close();
  });
});

describe("replicas on one database", () => {
  const entityNames = ({ structuredContent }: Awaited<ReturnType<Session["call"]>>) =>
    structuredContent.entities.map(({ name }: { name: string }) => name);

  test("lose no change and make nothing twice, with 40 writers at once", async () => {
    const sessions = await Promise.all([1, 2].map(() => new Memory(open()).session("crowd")));
    await sessions[0]?.call("create_entities", { entities: [node("shared")] });
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        sessions.map((session, replica) => [
          session.call("create_entities", { entities: [node("once"), node(`own ${i} of ${replica}`)] }),
          session.call("add_observations", {
            observations: [{ entityName: "shared", contents: [`${i} of ${replica}`, "of all"] }],
          }),
        ]),
      ).flat(2),
    );
    expect(answers.filter(({ isError }) => isError)).toEqual([]);
    const made = answers.flatMap((answer) => (answer.structuredContent.entities ? entityNames(answer) : []));
    expect(made.length).toBe(41);
    expect(new Set(made).size).toBe(41);
    const shared = await sessions[1]?.call("open_nodes", { names: ["shared"] });
    const observations: string[] = shared?.structuredContent.entities[0].observations ?? [];
    expect(observations.length).toBe(41);
    expect(new Set(observations).size).toBe(41);
  });

  test("readers see one moment, and wait for no writer", async () => {
    const writer = new Tenant(open(), "moment");
    const reader = await new Memory(open()).session("moment");
    await reader.call("create_entities", { entities: [node("before")] });
    await writer.write(async ({ query: change }, tenant) => {
      await change("DELETE FROM memory.entities WHERE tenant = $1", [tenant]);
      expect(entityNames(await reader.call("read_graph"))).toEqual(["before"]);
    });
    expect(entityNames(await reader.call("read_graph"))).toEqual([]);
  });

  test("tell each other's subscribers of changes, an import's too", async () => {
    const [here, there, elsewhere] = [new Memory(open()), new Memory(open()), new Memory(open())];
    const [writer, reader] = [await here.session("news"), await there.session("news")];
    const stranger = await elsewhere.session("other news");
    const uri = "memory://knowledge-graph";
    for (const session of [reader, stranger]) await session.ask({ method: "resources/subscribe", params: { uri } });
    await expect
      .poll(() => asSuperuser(server, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"), slowly)
      .toBe("2");
    const updated = { method: "notifications/resources/updated", params: { uri } };
    await writer.call("create_entities", { entities: [node("x")] });
    await expect.poll(() => reader.news(), slowly).toEqual([updated]);
    const lines = async function* () {
      yield JSON.stringify({ type: "entity", ...node("y") });
    };
    await importGraph(new Tenant(open(), "news"), lines());
    await expect.poll(() => reader.news(), slowly).toEqual([updated]);
    expect(stranger.news()).toEqual([]);
    await reader.close();
    await expect
      .poll(() => asSuperuser(server, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"), slowly)
      .toBe("1");
    await stranger.close();
  });
});

describe("20,000 entities", () => {
  const database = { current: undefined as PostgresDatabase | undefined };
  const plan = async (condition: ReturnType<typeof named>, limit: number) => {
    const tenant = new Tenant(database.current ?? open(), "many");
    const explained = await tenant.read(({ query: ask }, id) =>
      ask<{ "QUERY PLAN": string }>(`EXPLAIN ${entitiesSql(condition)}`, [id, "0", limit, ...condition.parameters]),
    );
    return explained.map((row) => row["QUERY PLAN"]).join("\n");
  };

  beforeAll(async () => {
    database.current = open({ statementTimeout: 60_000 });
    const lines = async function* () {
      for (let i = 0; i < 20_000; i++)
        yield JSON.stringify({ type: "entity", ...node(`name ${i}`, `observation ${i * 7919} of thing ${i % 97}`) });
    };
    await importGraph(new Tenant(database.current, "many"), lines());
    await rows("ANALYZE memory.entities");
  });

  test.each([
    ["a part of a text", () => matching("31676", "substring"), 2_000, "entities_by_trigram"],
    ["a part of a text, a page of it", () => matching("31676", "substring"), 51, "entities_by_trigram"],
    ["words", () => matching("7919 observation", "words"), 2_000, "entities_by_word"],
    ["names", () => named(["name 7", "name 8"]), 2_000, "entities_by_name"],
    ["a page of what nearly all have", () => matching("observation", "substring"), 51, "entities_"],
  ])("are searched by an index: %s", async (_, condition, limit, index) => {
    const text = await plan(condition(), limit);
    expect(text).toContain(index);
    expect(text).not.toContain("Seq Scan");
  });
});

// Last: it takes the server away.
describe("a database that goes away", () => {
  const unanswered =
    "The database of this memory does not answer; nothing was changed. Try again; if it stays that way, /health and the server's log say more";

  test("is a clear tool error and a failed check; once it is back, so is everything", async () => {
    const memory = new Memory(open());
    const session = await memory.session("back");
    const check = memory.app("back").health?.database;
    await session.call("create_entities", { entities: [node("kept")] });
    // Several connections of the pool are lost at once.
    await Promise.all([1, 2, 3].map(() => session.call("read_graph")));
    docker("stop", server);
    expect(await session.call("read_graph")).toEqual({ content: [{ type: "text", text: unanswered }], isError: true });
    expect(await session.call("create_entities", { entities: [node("lost")] })).toMatchObject({ isError: true });
    await expect(check?.()).rejects.toThrow(unanswered);
    docker("start", server);
    await healthy(server);
  });

  test("a restart between two calls costs none of them", async () => {
    const memory = new Memory(open());
    const session = await memory.session("back");
    await Promise.all([1, 2, 3].map(() => session.call("read_graph")));
    asSuperuser(server, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'memory_user'");
    const answers = await Promise.all([1, 2, 3].map(() => session.call("read_graph")));
    for (const answer of answers) expect(answer.structuredContent).toEqual({ entities: [node("kept")], relations: [] });
  });

  test("a change that waits too long for another is given up, and says so", async () => {
    const holder = new Tenant(open(), "slow");
    const session = await new Memory(open({ statementTimeout: 300 })).session("slow");
    await holder.write(async () => {
      expect(await session.call("create_entities", { entities: [node("late")] })).toEqual({
        content: [
          {
            type: "text",
            text: "The database took too long and was stopped; nothing was changed. Ask for less at once",
          },
        ],
        isError: true,
      });
      await sleep(0);
    });
    expect((await session.call("create_entities", { entities: [node("in time")] })).isError).toBeUndefined();
  });
});
