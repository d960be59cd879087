export type Parameter = string | number | readonly string[];

/** Statements of one transaction. */
export interface Queries {
  query<Row extends object>(sql: string, parameters?: readonly Parameter[]): Promise<Row[]>;
  /** Runs statements that take no parameters, one after the other. */
  script(sql: string): Promise<void>;
}

/** `read` sees one moment of the database throughout. */
export type Access = "read" | "write";

/** Postgres, as a server on the network or embedded in this process. */
export interface Database {
  /** All of `work` or none of it. It may run twice, if the connection is lost before anything is saved. */
  transaction<Result>(access: Access, work: (queries: Queries) => Promise<Result>): Promise<Result>;
  /** Calls back with what is announced on a channel, by other processes too, until it is told to stop. */
  listen(channel: string, heard: (payload: string) => void): () => void;
  close(): Promise<void>;
}

/** The database cannot be asked now, or refused; the message is for clients, `cause` for the log. */
export class DatabaseError extends Error {
  override readonly name = "DatabaseError";
  /** There is no database to talk to, as against one that answered with an error. */
  readonly unavailable: boolean;

  constructor(message: string, options: { readonly unavailable: boolean; readonly cause: unknown }) {
    super(message, { cause: options.cause });
    this.unavailable = options.unavailable;
  }
}
