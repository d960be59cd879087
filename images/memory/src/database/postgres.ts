import pg from "pg";
import type { Log } from "../../../bridge/src/host.ts";
import type { Access, Database, Parameter, Queries } from "./database.ts";
import { describe, explain, isLost } from "./faults.ts";

export interface PostgresOptions {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password?: string | undefined;
  readonly database: string;
  /** Connections at once. */
  readonly connections: number;
  /** Milliseconds that one statement may take; waiting for another change of the same graph counts. */
  readonly statementTimeout: number;
}

/** For a connection to be made, or to become free. */
const CONNECT_TIMEOUT_MS = 8_000;
/** How much longer than the database's own timeout an answer may be on its way, before the connection counts as lost. */
const GRACE_MS = 2_000;
const RELISTEN_MS = 1_000;
const BEGIN: Record<Access, string> = {
  // The planner is told that the disk has no arm to move: it would rather read all than use the search indexes.
  read: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL random_page_cost = 1.1",
  write: "BEGIN",
};

/** A Postgres server, over a small pool of connections that mends itself when the server was away. */
export class PostgresDatabase implements Database {
  readonly #pool: pg.Pool;
  readonly #connection: pg.ClientConfig;
  readonly #log: Log;

  constructor(options: PostgresOptions, log: Log) {
    const { connections, statementTimeout, password, ...where } = options;
    this.#log = log;
    this.#connection = {
      ...where,
      ...(password !== undefined && { password }),
      application_name: "mcp-memory",
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      keepAlive: true,
    };
    this.#pool = new pg.Pool({
      ...this.#connection,
      max: connections,
      idleTimeoutMillis: 30_000,
      statement_timeout: statementTimeout,
      query_timeout: statementTimeout + GRACE_MS,
    });
    this.#pool.on("error", (error) => log("warn", "database_connection_lost", describe(error)));
  }

  async transaction<Result>(access: Access, work: (queries: Queries) => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      const client = await this.#connect();
      // Without a listener, a connection that is lost between two statements would be an uncaught error.
      client.on("error", ignore);
      let saving = false;
      let lost = false;
      const rollback = () => ask(client, "ROLLBACK").catch(() => (lost = true));
      try {
        await ask(client, BEGIN[access]);
        const result = await work(queriesOf(client));
        saving = true;
        await ask(client, "COMMIT");
        return result;
      } catch (error) {
        if (!(error instanceof StatementFailed)) {
          await rollback();
          throw error;
        }
        lost = isLost(error.cause);
        // A connection of before a restart of the database is known as lost only once it is used.
        if (lost && !saving && attempt === 1) continue;
        if (!lost) await rollback();
        throw explain(error.cause, { saving });
      } finally {
        client.off("error", ignore);
        client.release(lost);
      }
    }
  }

  listen(channel: string, heard: (payload: string) => void): () => void {
    let client: pg.Client | undefined;
    let timer: NodeJS.Timeout | undefined;
    let stopped = false;
    const connect = async (): Promise<void> => {
      const mine = new pg.Client(this.#connection);
      client = mine;
      let lost = false;
      const again = (error?: Error): void => {
        if (stopped || lost) return;
        lost = true;
        this.#log("warn", "database_listener_lost", error === undefined ? {} : describe(error));
        mine.end().catch(() => {});
        timer = setTimeout(() => void connect(), RELISTEN_MS);
      };
      mine.on("notification", ({ payload }) => heard(payload ?? ""));
      mine.on("error", again);
      mine.on("end", () => again());
      try {
        await mine.connect();
        await mine.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
      } catch (error) {
        again(error as Error);
      }
    };
    void connect();
    return () => {
      stopped = true;
      clearTimeout(timer);
      client?.end().catch(() => {});
    };
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }

  async #connect(): Promise<pg.PoolClient> {
    try {
      return await this.#pool.connect();
    } catch (error) {
      throw explain(error);
    }
  }
}

/** Making an index may take long. The types of `pg` lack this. */
const UNHURRIED = { query_timeout: 3_600_000 };

const ignore = (): void => {};

/** An error of a statement, as against one of the work between them. */
class StatementFailed extends Error {}

async function ask(client: pg.PoolClient, query: string | pg.QueryConfig): Promise<pg.QueryResult> {
  try {
    return await client.query(query);
  } catch (cause) {
    throw new StatementFailed("a statement failed", { cause });
  }
}

const queriesOf = (client: pg.PoolClient): Queries => ({
  query: async <Row extends object>(sql: string, parameters: readonly Parameter[] = []) =>
    (await ask(client, { text: sql, values: [...parameters] })).rows as Row[],
  script: async (sql) => void (await ask(client, { text: sql, ...UNHURRIED })),
});
