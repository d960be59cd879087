import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";

// Stands where the server looks for the package `better-sqlite3`, and does with Node's own SQLite what the server asks
// of it. The package would have to be compiled for every image, with headers that no package mirror has; without it the
// server would load the whole documentation into the memory of every session.

/** Rows as that package gives them: ordinary objects. */
const plain = (row: object) => ({ ...row });

class Statement {
  readonly #statement: StatementSync;

  constructor(statement: StatementSync) {
    this.#statement = statement;
  }

  run(...values: SQLInputValue[]) {
    return this.#statement.run(...values);
  }

  get(...values: SQLInputValue[]) {
    const row = this.#statement.get(...values);
    return row && plain(row);
  }

  all(...values: SQLInputValue[]) {
    return this.#statement.all(...values).map(plain);
  }

  *iterate(...values: SQLInputValue[]) {
    for (const row of this.#statement.iterate(...values)) yield plain(row);
  }
}

/** The server's documentation, which is part of the image: it can be read, and nothing can change it. */
export class Database {
  readonly #database: DatabaseSync;

  constructor(path: string) {
    this.#database = new DatabaseSync(path, { readOnly: true });
    // The one table that the server writes: workflows as they were before it changed them, kept for the session.
    const table = this.#database.prepare("SELECT sql FROM main.sqlite_schema WHERE name = 'workflow_versions'").get();
    this.#database.exec("PRAGMA temp_store = MEMORY");
    this.#database.exec(String(table?.sql).replace("CREATE TABLE", "CREATE TEMP TABLE"));
  }

  get inTransaction(): boolean {
    return this.#database.isTransaction;
  }

  prepare(sql: string): Statement {
    return new Statement(this.#database.prepare(sql));
  }

  exec(sql: string): void {
    // How the server finds out whether there is full-text search: it creates this table and drops it again. There is.
    if (!sql.includes("test_fts5")) this.#database.exec(sql);
  }

  transaction<Result>(work: () => Result): () => Result {
    return () => {
      this.#database.exec("BEGIN");
      try {
        const result = work();
        this.#database.exec("COMMIT");
        return result;
      } catch (error) {
        this.#database.exec("ROLLBACK");
        throw error;
      }
    };
  }

  close(): void {
    this.#database.close();
  }
}

// What `require` gives.
export { Database as "module.exports" };
