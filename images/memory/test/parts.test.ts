import { mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { readConfig } from "../src/config.ts";
import { FolderLock } from "../src/database/folder-lock.ts";
import { migrationsOf } from "../src/database/migrate.ts";
import { fromStored, likePattern, searchText, toStored } from "../src/graph/text.ts";

describe("texts as they are stored", () => {
  const texts = [
    "",
    "plain",
    "nul\0",
    "\ud83d",
    "a\udc00b",
    "😀",
    "\ufdd0",
    "\ufdd0\ufdd1\ufdd1\ufdd1\ufdd1",
    "\ufdef\0\ufdef",
  ];

  test.each(texts)("%j comes back", (text) => expect(fromStored(toStored(text))).toBe(text));

  test("hold nothing that Postgres refuses, and no two are the same", () => {
    const stored = texts.map(toStored);
    expect(new Set(stored).size).toBe(texts.length);
    for (const text of stored) expect(text.isWellFormed() && !text.includes("\0")).toBe(true);
  });

  test("are searched in lower case, with a separator that no text holds", () => {
    expect(searchText("A\ufdef", "B", ["C", "d"])).toBe(`a${toStored("\ufdef")}\ufdefb\ufdefc\ufdefd`);
    expect(likePattern("50%_\\ÄÖ")).toBe("%50\\%\\_\\\\äö%");
  });
});

describe("configuration", () => {
  test("without PGHOST the graph is embedded", () => {
    expect(readConfig({ PGHOST: "", MCP_MEMORY_TENANT: "team-1" })).toEqual({
      storage: { kind: "embedded", folder: "/data" },
      tenant: "team-1",
      connections: 8,
      statementTimeout: 10_000,
    });
  });

  test("with PGHOST it is in Postgres", () => {
    const env = { PGHOST: "db", PGPORT: "6432", PGUSER: "u", PGPASSWORD: "p", PGDATABASE: "d" };
    expect(readConfig(env)).toMatchObject({
      storage: { kind: "postgres", host: "db", port: 6432, user: "u", password: "p", database: "d" },
      tenant: "default",
    });
  });

  test("every problem is named at once, and no value", () => {
    const env = { PGHOST: "db", PGPORT: "x", MCP_MEMORY_TENANT: "a b", MCP_MEMORY_CONNECTIONS: "0" };
    expect(() => readConfig(env)).toThrow(
      [
        "mcp-memory: 5 problems",
        "  - PGPORT must be a whole number from 1 to 65535",
        "  - MCP_MEMORY_TENANT must be 1 to 64 letters, digits, `_`, `.` or `-`",
        "  - MCP_MEMORY_CONNECTIONS must be a whole number from 1 to 100",
        "  - PGUSER must be given with PGHOST; without PGHOST the graph is in MCP_MEMORY_DATA",
        "  - PGDATABASE must be given with PGHOST; without PGHOST the graph is in MCP_MEMORY_DATA",
      ].join("\n"),
    );
  });
});

describe("the lock of a folder", () => {
  const folder = mkdtempSync(join(tmpdir(), "memory-lock-"));
  afterAll(() => rmSync(folder, { recursive: true }));

  test("is held by one at a time", async () => {
    const lock = await FolderLock.take(folder);
    await expect(FolderLock.take(folder)).rejects.toThrow(
      `The folder of this memory, ${folder}, is in use by another process. Stop that one first: only one can have it open`,
    );
    await lock.release();
    await (await FolderLock.take(folder)).release();
  });

  test("that was left by the dead is taken over, by one alone", async () => {
    // A socket that nobody listens on, as a killed process leaves it.
    const left = join(folder, "in-use-dead.sock");
    const dead = createServer();
    await new Promise<void>((resolve) => void dead.listen(`${left}.x`, resolve));
    renameSync(`${left}.x`, left);
    await new Promise((resolve) => dead.close(resolve));
    for (let round = 0; round < 10; round++) {
      const takers = await Promise.allSettled([1, 2, 3, 4].map(() => FolderLock.take(folder)));
      const taken = takers.flatMap((taker) => (taker.status === "fulfilled" ? [taker.value] : []));
      expect(taken.length).toBeLessThanOrEqual(1);
      await Promise.all(taken.map((lock) => lock.release()));
    }
    await (await FolderLock.take(folder)).release();
    expect(readdirSync(folder)).toEqual([]);
  });
});

test("migrations are numbered from 1 without a gap", () => {
  expect(migrationsOf().map(({ number, name }) => [number, name])).toEqual([[1, "001-graph.sql"]]);
});
