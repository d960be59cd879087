import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { setFlagsFromString } from "node:v8";
import { PGlite } from "@electric-sql/pglite";
import { pg_trgm } from "@electric-sql/pglite/contrib/pg_trgm";
import type { Access, Database, Parameter, Queries } from "./database.ts";
import { explain, sqlState } from "./faults.ts";
import { FolderLock } from "./folder-lock.ts";

// V8's optimising compiler would take half a gigabyte for Postgres' WebAssembly, some seconds after the start, and make
// it no faster that one could tell here. What the baseline compiler makes stays.
for (const flag of ["--liftoff-only", "--no-wasm-dynamic-tiering", "--no-wasm-tier-up"]) setFlagsFromString(flag);

/**
 * A database that is set up, in the image alone: to make one anew takes seconds and three times the memory. Made there
 * by `template.ts`.
 */
const TEMPLATE = fileURLToPath(new URL("../../template/postgres.tgz", import.meta.url));

/** Postgres compiled to WebAssembly, in this process: one connection, its files in a folder or, without, in memory. */
export class EmbeddedDatabase implements Database {
  readonly #folder: string | undefined;
  #opened: Promise<{ engine: PGlite; lock: FolderLock | undefined }> | undefined;

  constructor(folder: string | undefined) {
    this.#folder = folder;
  }

  async transaction<Result>(_access: Access, work: (queries: Queries) => Promise<Result>): Promise<Result> {
    const engine = await this.#engine();
    let own: unknown;
    try {
      return await engine.transaction((transaction) => {
        const queries: Queries = {
          query: async <Row extends object>(sql: string, parameters: readonly Parameter[] = []) =>
            (await transaction.query<Row>(sql, [...parameters])).rows,
          script: async (sql) => void (await transaction.exec(sql)),
        };
        return work(queries).catch((error: unknown) => {
          own = error;
          throw error;
        });
      });
    } catch (error) {
      // What the work itself throws is for the caller; what the engine throws has to be explained.
      if (error === own && !isOfEngine(error)) throw error;
      // Once its WebAssembly has failed, it answers no more: the next call starts it anew from the files.
      if (sqlState(error) === undefined) await this.close();
      throw explain(error);
    }
  }

  listen(): () => void {
    // Nobody else can have the database open.
    return () => {};
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = undefined;
    const { engine, lock } = (await opened?.catch(() => undefined)) ?? {};
    await engine?.close().catch(() => {});
    await lock?.release();
  }

  async #engine(): Promise<PGlite> {
    this.#opened ??= this.#open();
    const opened = this.#opened;
    try {
      return (await opened).engine;
    } catch (error) {
      if (this.#opened === opened) this.#opened = undefined;
      throw explain(error);
    }
  }

  async #open() {
    const extensions = { pg_trgm };
    if (this.#folder === undefined) return { engine: await PGlite.create({ extensions }), lock: undefined };
    await mkdir(this.#folder, { recursive: true });
    const lock = await FolderLock.take(this.#folder);
    try {
      const dataDir = `${this.#folder}/postgres`;
      if (existsSync(TEMPLATE) && !existsSync(dataDir)) await unpack(TEMPLATE, dataDir);
      return { engine: await PGlite.create({ dataDir, extensions }), lock };
    } catch (error) {
      await lock.release();
      throw error;
    }
  }
}

/** Whole or not at all, whenever this process may end. */
async function unpack(template: string, target: string): Promise<void> {
  const unfinished = `${target}.new`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished);
  await promisify(execFile)("tar", ["-xzf", template, "-C", unfinished]);
  await rename(unfinished, target);
}

/** An answer of Postgres, or the end of its WebAssembly. */
const isOfEngine = (error: unknown): boolean =>
  sqlState(error) !== undefined || (error instanceof Error && error.name === "RuntimeError");
