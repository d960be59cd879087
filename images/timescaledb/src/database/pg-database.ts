import type { Duplex } from "node:stream";
import { type ClientConfig, type Connection, Pool, type PoolClient, type QueryArrayConfig } from "pg";
import type { Log } from "../../../bridge/src/host.ts";
import { ToolError } from "../errors.ts";
import { type Database, type Parameter, type Result, type Session, sessionSettings } from "./database.ts";

export interface PgOptions {
  readonly connection: Pick<ClientConfig, "host" | "port" | "user" | "password" | "database">;
  /** Connections at once, of all sessions together. */
  readonly poolSize: number;
  readonly statementTimeoutMs: number;
  /** Bytes that one statement may send before its connection is cut: a single value can have a gigabyte. */
  readonly maxWireBytes: number;
  readonly log: Log;
}

/** Longest wait for a connection, be it a new one or one that others use. */
const CONNECT_MS = 5_000;
const CHECK_BYTES_EVERY_MS = 20;

const asText = { getTypeParser: () => (text: string) => text };

/** The database over the network. A connection that fails is thrown away, and the next call makes another. */
export class PgDatabase implements Database {
  readonly #options: PgOptions;
  readonly #pool: Pool;
  /** Health must not wait behind slow queries. */
  readonly #healthPool: Pool;

  constructor(options: PgOptions) {
    this.#options = options;
    this.#pool = this.#createPool(options.poolSize);
    this.#healthPool = this.#createPool(1);
  }

  read<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#transaction(this.#pool, "READ ONLY", "ROLLBACK", work);
  }

  write<T>(work: (session: Session) => Promise<T>, { dryRun = false } = {}): Promise<T> {
    return this.#transaction(this.#pool, "READ WRITE", dryRun ? "ROLLBACK" : "COMMIT", work);
  }

  async call(sql: string, parameters: readonly Parameter[] = []): Promise<void> {
    await this.#with(this.#pool, async (client) => {
      await client.query(sessionSettings(this.#options.statementTimeoutMs).replaceAll("SET LOCAL", "SET"));
      await this.#query(client, sql, parameters);
    });
  }

  /** As `read`, on a connection that is kept for health alone. */
  check<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#transaction(this.#healthPool, "READ ONLY", "ROLLBACK", work);
  }

  async close(): Promise<void> {
    await Promise.all([this.#pool.end(), this.#healthPool.end()]);
  }

  #createPool(max: number): Pool {
    const pool = new Pool({
      ...this.#options.connection,
      application_name: "mcp-timescaledb",
      max,
      connectionTimeoutMillis: CONNECT_MS,
      idleTimeoutMillis: 60_000,
      keepAlive: true,
    });
    // A connection that is lost while nobody uses it; without a listener it would end the process.
    pool.on("error", (error) => this.#options.log("warn", "connection_lost", { reason: error.message }));
    return pool;
  }

  #transaction<T>(
    pool: Pool,
    mode: "READ ONLY" | "READ WRITE",
    end: "COMMIT" | "ROLLBACK",
    work: (session: Session) => Promise<T>,
  ): Promise<T> {
    return this.#with(pool, async (client) => {
      await client.query(`BEGIN ${mode}; ${sessionSettings(this.#options.statementTimeoutMs)}`);
      const result = await work({ query: (sql, parameters = []) => this.#query(client, sql, parameters) });
      await client.query(end);
      return result;
    });
  }

  /** Lends a connection, and leaves nothing on it of what was done: no transaction, setting, lock or prepared statement. */
  async #with<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await pool.connect();
    let fault: Error | undefined;
    // A connection that breaks between two statements says so here, and only here.
    const onError = (error: Error): void => {
      fault ??= error;
    };
    client.on("error", onError);
    try {
      return await work(client);
    } finally {
      try {
        if (fault === undefined) {
          await client.query("ROLLBACK");
          await client.query("DISCARD ALL");
        }
      } catch (error) {
        fault = error instanceof Error ? error : new Error(String(error));
      }
      client.off("error", onError);
      client.release(fault);
    }
  }

  async #query(client: PoolClient, text: string, parameters: readonly Parameter[]): Promise<Result> {
    const { maxWireBytes } = this.#options;
    const { stream } = (client as unknown as { connection: Connection }).connection;
    const received = (): number => (stream as Duplex & { bytesRead: number }).bytesRead;
    const before = received();
    let tooLarge = false;
    const watch = setInterval(() => {
      if (received() - before <= maxWireBytes) return;
      tooLarge = true;
      stream.destroy(new Error("result over the limit"));
    }, CHECK_BYTES_EVERY_MS);
    try {
      // The extended protocol takes one statement only, with or without parameters.
      const query = { text, values: [...parameters], rowMode: "array" as const, types: asText, queryMode: "extended" };
      const { fields, rows } = await client.query<(string | null)[]>(query satisfies QueryArrayConfig);
      return { fields: fields.map(({ name, dataTypeID }) => ({ name, type: dataTypeID })), rows };
    } catch (error) {
      if (!tooLarge) throw error;
      const limit = Math.round(maxWireBytes / 1024 / 1024);
      throw new ToolError(`the result is larger than ${limit} MiB; select fewer or shorter columns, or fewer rows`);
    } finally {
      clearInterval(watch);
    }
  }
}
