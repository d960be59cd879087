import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Database as Package } from "../sqlite/index.ts";

// Loaded the way the server does it.
const Database = createRequire(import.meta.url)("../sqlite/index.ts") as typeof Package;
const folder = mkdtempSync(join(tmpdir(), "mcp-n8n-"));
const file = join(folder, "nodes.db");
let database: Package;

beforeAll(() => {
  const made = new DatabaseSync(file);
  made.exec(`
    CREATE TABLE nodes (type TEXT, name TEXT);
    INSERT INTO nodes VALUES ('slack', 'Slack'), ('webhook', 'Webhook');
    CREATE TABLE workflow_versions (id INTEGER PRIMARY KEY AUTOINCREMENT, workflow_id TEXT NOT NULL);
    INSERT INTO workflow_versions (workflow_id) VALUES ('of whoever made the file');
  `);
  made.close();
});

beforeEach(() => {
  database = new Database(file);
  return () => database.close();
});

afterAll(() => rmSync(folder, { recursive: true }));

test("rows are ordinary objects", () => {
  const statement = database.prepare("SELECT name FROM nodes WHERE type >= ? ORDER BY type");
  expect(statement.get("slack")).toStrictEqual({ name: "Slack" });
  expect(statement.all("slack")).toStrictEqual([{ name: "Slack" }, { name: "Webhook" }]);
  expect([...statement.iterate("webhook")]).toStrictEqual([{ name: "Webhook" }]);
  expect(statement.get("x")).toBeUndefined();
});

test("nothing can change the documentation", () => {
  expect(() => database.prepare("DELETE FROM nodes").run()).toThrow("attempt to write a readonly database");
});

test("versions of workflows are kept for the session, and start empty", () => {
  const versions = database.prepare("SELECT workflow_id FROM workflow_versions");
  expect(versions.all()).toEqual([]);
  const added = database.prepare("INSERT INTO workflow_versions (workflow_id) VALUES (?)").run("w1");
  expect(added).toEqual({ changes: 1, lastInsertRowid: 1 });
  expect(versions.all()).toEqual([{ workflow_id: "w1" }]);
  const other = new Database(file);
  expect(other.prepare("SELECT workflow_id FROM workflow_versions").all()).toEqual([]);
  other.close();
});

test("a transaction that fails leaves nothing behind", () => {
  const add = database.prepare("INSERT INTO workflow_versions (workflow_id) VALUES (?)");
  const failing = database.transaction(() => {
    add.run("w1");
    expect(database.inTransaction).toBe(true);
    throw new Error("no");
  });
  expect(failing).toThrow("no");
  expect(database.inTransaction).toBe(false);
  expect(database.transaction(() => add.run("w2").changes)()).toBe(1);
  expect(database.prepare("SELECT workflow_id FROM workflow_versions").all()).toEqual([{ workflow_id: "w2" }]);
});

test("the server's own question finds that there is full-text search, as there is", () => {
  database.exec("CREATE VIRTUAL TABLE IF NOT EXISTS test_fts5 USING fts5(content);");
  database.exec("DROP TABLE IF EXISTS test_fts5;");
  const memory = new DatabaseSync(":memory:");
  memory.exec("CREATE VIRTUAL TABLE text USING fts5(content)");
  memory.close();
});
