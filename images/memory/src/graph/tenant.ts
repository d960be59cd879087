import type { Database, Queries } from "../database/database.ts";
import { sqlState } from "../database/faults.ts";
import { migrate } from "../database/migrate.ts";

/** No such table or schema: the database was made anew under this process. */
const GONE = new Set(["42P01", "3F000", "23503"]);

/** On which processes that share a database tell each other of changes. */
export const CHANNEL = "mcp_memory";

/** One tenant's part of a database, which is set up when it is first needed. */
export class Tenant {
  readonly #database: Database;
  readonly #name: string;
  #id: Promise<number> | undefined;
  /** The last change of this process, done or not. */
  #lastWrite: Promise<unknown> = Promise.resolve();

  constructor(database: Database, name: string) {
    this.#database = database;
    this.#name = name;
  }

  /** Its number in the database. While the database is away this fails, and the next call tries again. */
  id(): Promise<number> {
    this.#id ??= this.#setUp().catch((error: unknown) => {
      this.#id = undefined;
      throw error;
    });
    return this.#id;
  }

  read<Result>(work: (queries: Queries, tenant: number) => Promise<Result>): Promise<Result> {
    return this.#run("read", work);
  }

  /**
   * Changes of one graph are made one after the other: each sees all of those before it. Readers never wait. Those of
   * this process queue here and not at the database, where each would hold a connection that readers need.
   */
  write<Result>(work: (queries: Queries, tenant: number) => Promise<Result>): Promise<Result> {
    const result = this.#lastWrite.then(() =>
      this.#run("write", async (queries, tenant) => {
        await queries.query("SELECT id FROM memory.tenants WHERE id = $1 FOR NO KEY UPDATE", [tenant]);
        return work(queries, tenant);
      }),
    );
    this.#lastWrite = result.catch(() => {});
    return result;
  }

  async #run<Result>(
    access: "read" | "write",
    work: (queries: Queries, tenant: number) => Promise<Result>,
  ): Promise<Result> {
    const tenant = await this.id();
    try {
      return await this.#database.transaction(access, (queries) => work(queries, tenant));
    } catch (error) {
      if (GONE.has(sqlState((error as Error).cause) ?? "")) this.#id = undefined;
      throw error;
    }
  }

  async #setUp(): Promise<number> {
    await migrate(this.#database);
    return this.#database.transaction("write", async ({ query }) => {
      await query("INSERT INTO memory.tenants (name) VALUES ($1) ON CONFLICT DO NOTHING", [this.#name]);
      const [row] = await query<{ id: number }>("SELECT id FROM memory.tenants WHERE name = $1", [this.#name]);
      if (row === undefined) throw new Error(`tenant ${this.#name} could not be made`);
      return row.id;
    });
  }
}
