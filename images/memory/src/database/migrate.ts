import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Database } from "./database.ts";

export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
}

/** Any number that no other program on the same database is likely to lock. */
const LOCK = 7_216_440_985_213;
const FILES = fileURLToPath(new URL("../../migrations/", import.meta.url));

/** The files of `migrations/`, by number. */
export function migrationsOf(folder = FILES): Migration[] {
  const found = readdirSync(folder)
    .filter((file) => file.endsWith(".sql"))
    .sort()
    .map((name) => ({ number: Number(name.slice(0, 3)), name, sql: readFileSync(`${folder}/${name}`, "utf8") }));
  for (const [index, { number, name }] of found.entries()) {
    if (number !== index + 1) throw new Error(`migration ${name}: its number must be ${index + 1}`);
  }
  return found;
}

const digestOf = (sql: string) => createHash("sha256").update(sql).digest("hex");

/**
 * Brings the database to the last migration, in one transaction. Replicas that start at once do it one after the
 * other, so that all but the first find it done.
 *
 * @returns the names of those that were applied
 */
export function migrate(database: Database, migrations: readonly Migration[] = migrationsOf()): Promise<string[]> {
  return database.transaction("write", async ({ query, script }) => {
    await script("SET LOCAL statement_timeout = 0; SET LOCAL client_min_messages = warning");
    await query("SELECT pg_advisory_xact_lock($1)", [LOCK]);
    await script(
      `CREATE SCHEMA IF NOT EXISTS memory;
       CREATE TABLE IF NOT EXISTS memory.migrations (
         number integer PRIMARY KEY, name text NOT NULL, digest text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`,
    );
    const done = await query<{ number: number; name: string; digest: string }>(
      "SELECT number, name, digest FROM memory.migrations ORDER BY number",
    );
    for (const { number, name, digest } of done) {
      const known = migrations[number - 1];
      if (known === undefined) {
        throw new Error(`the database has migration ${name}, which this version does not know; run a newer version`);
      }
      if (digestOf(known.sql) !== digest) {
        throw new Error(`migration ${known.name} is not what was applied to the database as ${name}; never change one`);
      }
    }
    const missing = migrations.slice(done.length);
    for (const { number, name, sql } of missing) {
      await script(sql);
      await query("INSERT INTO memory.migrations (number, name, digest) VALUES ($1, $2, $3)", [
        number,
        name,
        digestOf(sql),
      ]);
    }
    return missing.map(({ name }) => name);
  });
}
