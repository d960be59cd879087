import { createServer, type Server } from "node:net";
import { PGlite } from "@electric-sql/pglite";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PgDatabase } from "../src/database/pg-database.ts";
import { clientMessage } from "../src/errors.ts";

// The adapter over a real connection: to PGlite, which serves one at a time.
let pglite: PGlite;
let port: number;
let socketServer: PGLiteSocketServer | undefined;
let database: PgDatabase;

async function freePort(): Promise<number> {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function listen(): Promise<void> {
  socketServer = new PGLiteSocketServer({ db: pglite, port, host: "127.0.0.1" });
  await socketServer.start();
}

beforeAll(async () => {
  pglite = await PGlite.create();
  await pglite.exec("CREATE TABLE t (n int); INSERT INTO t VALUES (1), (2)");
  port = await freePort();
  await listen();
  database = new PgDatabase({
    connection: { host: "127.0.0.1", port, user: "postgres", password: "x", database: "postgres" },
    poolSize: 1,
    statementTimeoutMs: 5_000,
    maxWireBytes: 1024 * 1024,
    log: () => {},
  });
}, 60_000);

afterAll(async () => {
  await database.close();
  await socketServer?.stop();
});

const count = async (): Promise<unknown> =>
  (await database.read((session) => session.query("SELECT count(*) FROM t"))).rows[0]?.[0];

test("gives text, whatever the type, and takes parameters", async () => {
  const { fields, rows } = await database.read((session) =>
    session.query("SELECT $1::int + 1 AS n, true AS b, NULL AS x, '2026-01-01Z'::timestamptz AS t", [41]),
  );
  expect(fields.map(({ name, type }) => [name, type])).toEqual([
    ["n", 23],
    ["b", 16],
    ["x", 25],
    ["t", 1184],
  ]);
  expect(rows).toEqual([["42", "t", null, "2026-01-01 00:00:00+00"]]);
});

test("reads in a transaction that cannot write, and takes one statement at a time", async () => {
  const run = (sql: string) => database.read((session) => session.query(sql));
  await expect(run("DELETE FROM t")).rejects.toThrow("cannot execute DELETE in a read-only transaction");
  await expect(run("SELECT 1; SELECT 2")).rejects.toThrow("cannot insert multiple commands");
  expect(await count()).toBe("2");
});

test("commits what it writes, unless it is a dry run or fails", async () => {
  const add = (dryRun: boolean) => database.write((session) => session.query("INSERT INTO t VALUES (3)"), { dryRun });
  await add(true);
  expect(await count()).toBe("2");
  await expect(
    database.write(async (session) => {
      await session.query("INSERT INTO t VALUES (3)");
      throw new Error("changed my mind");
    }),
  ).rejects.toThrow("changed my mind");
  expect(await count()).toBe("2");
  await add(false);
  expect(await count()).toBe("3");
});

test("cuts off a result that is too large, and goes on", async () => {
  const large = database.read((session) => session.query("SELECT repeat('x', 40000000)"));
  await expect(large.catch((error) => Promise.reject(new Error(clientMessage(error))))).rejects.toThrow(
    "the result is larger than 1 MiB; select fewer or shorter columns, or fewer rows",
  );
  await expect.poll(() => count().catch(clientMessage), { timeout: 10_000 }).toBe("3");
});

test("says that the database is away, and is back with it", async () => {
  await socketServer?.stop();
  const away = await count().catch(clientMessage);
  expect(away).toContain("the database does not answer");
  await listen();
  await expect.poll(() => count().catch(clientMessage), { timeout: 10_000 }).toBe("3");
});
