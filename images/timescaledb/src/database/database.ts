/** A value of a statement's parameter. */
export type Parameter = string | number | boolean | null;

/** A column of a result. */
export interface Field {
  readonly name: string;
  /** Number of its type in `pg_type`. */
  readonly type: number;
}

/** A result as Postgres writes it: text, so that no driver has its own idea of a number or a time. */
export interface Result {
  readonly fields: readonly Field[];
  readonly rows: readonly (readonly (string | null)[])[];
}

/** One transaction. */
export interface Session {
  /** Runs exactly one statement: a second one after a `;` is refused by the protocol. */
  query(sql: string, parameters?: readonly Parameter[]): Promise<Result>;
}

/** What the tools need of a database: `pg` in the container, PGlite in tests. */
export interface Database {
  /** Runs `work` in a READ ONLY transaction, which is rolled back whatever it does. */
  read<T>(work: (session: Session) => Promise<T>): Promise<T>;
  /** Runs `work` in a transaction that is committed when it is done, or rolled back with `dryRun`. */
  write<T>(work: (session: Session) => Promise<T>, options?: { readonly dryRun?: boolean }): Promise<T>;
  /** Runs one statement outside of a transaction: for procedures that commit by themselves. */
  call(sql: string, parameters?: readonly Parameter[]): Promise<void>;
}

/** Settings of every transaction: results are the same whatever the database's own are. */
export const sessionSettings = (statementTimeoutMs: number): string =>
  Object.entries({
    statement_timeout: String(statementTimeoutMs),
    lock_timeout: "5000",
    timezone: "UTC",
    datestyle: "ISO, YMD",
    intervalstyle: "postgres",
    bytea_output: "hex",
  })
    .map(([name, value]) => `SET LOCAL ${name} = '${value}'`)
    .join("; ");
