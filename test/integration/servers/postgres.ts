import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { callText } from "../clients.ts";
import { docker, logsOf } from "../test-stack.ts";
import { type Fleet, type ServerProof, transports } from "./proof.ts";

const shop = `
  CREATE TABLE IF NOT EXISTS customers (id int PRIMARY KEY, email text NOT NULL UNIQUE);
  CREATE TABLE IF NOT EXISTS orders (id int PRIMARY KEY, customer int NOT NULL REFERENCES customers, total int);
  TRUNCATE customers, orders;
  INSERT INTO customers SELECT n, 'c' || n || '@example.org' FROM generate_series(1, 500) n;
  INSERT INTO orders SELECT n, 1 + n % 500, n FROM generate_series(1, 20000) n;
  ANALYZE;`;
const visits = `
  CREATE TABLE IF NOT EXISTS visits (id int PRIMARY KEY, page text);
  INSERT INTO visits VALUES (1, 'start') ON CONFLICT DO NOTHING;
  ANALYZE;`;

/** Runs SQL as the superuser, who is let in by the backend's own socket alone, or as the role of the server. */
const psql = ({ backend }: Fleet, database: string, sql: string) =>
  execFileSync(
    "docker",
    ["exec", "-i", "-u", "postgres", backend("postgres"), "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database],
    { input: sql, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] },
  ).trim();
const asReader = (fleet: Fleet, sql: string) =>
  psql(fleet, "app", `SET SESSION AUTHORIZATION postgres_reader; SET default_transaction_read_only = off; ${sql}`);

const byCustomer = "SELECT * FROM orders WHERE customer = 5";

/** Two databases, read through every tool; nothing that writes gets through, nor past the role where it does. */
export const postgres: ServerProof = {
  options: () => ({ databases: ["app", "sales"], statementTimeout: 5 }),
  prove(fleet) {
    beforeAll(() => {
      psql(fleet, "app", shop);
      psql(fleet, "sales", visits);
    });

    describe.each(transports)("%s", (transport) => {
      test("every tool reads the database", async () => {
        const client = await fleet.connect(transport, "postgres");
        const ask = async (name: string, args: Record<string, unknown> = {}) => {
          const { text, isError } = await callText(client, name, args);
          expect([name, isError, isError && text]).toEqual([name, false, false]);
          return text;
        };
        expect(await ask("list_schemas")).toContain("{'schema_name': 'public', 'schema_owner': 'pg_database_owner'");
        expect(await ask("list_objects", { schema_name: "public" })).toBe(
          "[{'schema': 'public', 'name': 'customers', 'type': 'BASE TABLE'}, {'schema': 'public', 'name': 'orders', 'type': 'BASE TABLE'}]",
        );
        expect(await ask("get_object_details", { schema_name: "public", object_name: "orders" })).toContain(
          "'constraints': [{'name': 'orders_pkey', 'type': 'PRIMARY KEY', 'columns': ['id']}, {'name': 'orders_customer_fkey', 'type': 'FOREIGN KEY', 'columns': ['customer']}]",
        );
        const index = { table: "orders", columns: ["customer"] };
        expect(await ask("explain_query", { sql: byCustomer, hypothetical_indexes: [index] })).toContain("Index Scan");
        // Nothing is left of the index that was supposed.
        expect(await ask("explain_query", { sql: byCustomer })).toMatch(/^→ Seq Scan .* on orders \[Rows: 40\]/);
        expect(await ask("analyze_query_indexes", { queries: [byCustomer] })).toContain(
          "'index_definition': 'CREATE INDEX crystaldba_idx_orders_customer_1 ON orders USING btree (customer)'",
        );
        expect(await ask("analyze_workload_indexes")).toMatch(/^\{'(recommendations|summary)'/);
        expect(await ask("analyze_db_health", { health_type: "index,constraint" })).toContain(
          "Constraint health: No invalid constraints found.",
        );
        expect(await ask("get_top_queries", { sort_by: "total_time", limit: 2 })).toMatch(/^Top 2 slowest queries/);
        expect(await ask("execute_sql", { sql: "SELECT count(*), sum(total) FROM orders" })).toBe(
          "[{'count': 20000, 'sum': 200010000}]",
        );
        expect(await ask("execute_sql", { sql: "SELECT * FROM visits", database: "sales" })).toBe(
          "[{'id': 1, 'page': 'start'}]",
        );
        await client.close();
      });
    });

    test.each([
      ["writes", "INSERT INTO customers VALUES (0, 'x')", "Error validating query"],
      [
        "writes in a query",
        "WITH gone AS (DELETE FROM orders RETURNING 1) SELECT 1 FROM gone",
        "Error validating query",
      ],
      ["changes tables", "DROP TABLE orders", "Error validating query"],
      ["reads files of the server", "SELECT pg_read_file('/etc/passwd')", "Error validating query"],
      ["reads passwords", "SELECT rolpassword FROM pg_authid", "Error validating query"],
      ["takes too long", "SELECT count(*) FROM generate_series(1, 1000000000)", "due to statement timeout"],
      ["has no room for its result", "SELECT repeat('x', 5000000)", "the result has 5000016 characters"],
    ])("a statement that %s is an error", async (_, sql, says) => {
      const client = await fleet.connect("v1 over Streamable HTTP", "postgres");
      const answer = await callText(client, "execute_sql", { sql });
      const after = await callText(client, "execute_sql", { sql: "SELECT count(*) FROM orders" });
      await client.close();
      expect(answer).toEqual({ text: expect.stringContaining(says), isError: true });
      expect(after).toEqual({ text: "[{'count': 20000}]", isError: false });
    });

    // What is left where `accessMode` lets every statement through, and a client has switched read-only off.
    test.each([
      ["write", "INSERT INTO customers VALUES (0, 'x')", "permission denied for table customers"],
      ["make tables", "CREATE TABLE mine (id int)", "permission denied for schema public"],
      ["make temporary tables", "CREATE TEMP TABLE mine (id int)", "permission denied to create temporary tables"],
      ["make large objects", "SELECT lo_from_bytea(0, 'x')", "permission denied for function lo_from_bytea"],
      ["read files", "SELECT pg_read_file('/etc/passwd')", "permission denied for function pg_read_file"],
      ["run programs", "COPY orders TO PROGRAM 'cat'", "permission denied to COPY to or from an external program"],
    ])("the role alone cannot %s", (_, sql, says) => {
      expect(() => asReader(fleet, sql)).toThrow(says);
    });

    test("connects to no other database", () => {
      const open = psql(
        fleet,
        "app",
        "SELECT datname FROM pg_database WHERE datallowconn AND has_database_privilege('postgres_reader', datname, 'CONNECT') ORDER BY 1",
      );
      expect(open).toBe("app\nsales");
    });

    test("its launcher's own tests pass in the image", () => {
      const folder = join(import.meta.dirname, "../../../images/postgres/test");
      const { Image } = fleet.stack.inspect("postgres");
      const name = `${fleet.stack.prefix}launcher`;
      const run = ["run", "--rm", "--name", name, "--network", "none", "--entrypoint", "python3"];
      docker(...run, "--volume", `${folder}:/test:ro`, Image, "-m", "unittest", "discover", "--start", "/test");
    });

    test("says that the database is away, to new sessions too, and goes on when it is back", async () => {
      const before = await fleet.connect("v1 over Streamable HTTP", "postgres");
      docker("stop", fleet.backend("postgres"));
      try {
        const during = await fleet.connect("v2 over SSE", "postgres");
        for (const client of [before, during])
          expect(await callText(client, "list_schemas", {})).toEqual({
            text: expect.stringMatching(/^Error: database "app" cannot be reached: .*; try again later$/),
            isError: true,
          });
        await during.close();
      } finally {
        docker("start", fleet.backend("postgres"));
      }
      const sql = { sql: "SELECT count(*) FROM customers" };
      await expect
        .poll(() => callText(before, "execute_sql", sql), { timeout: 60_000, interval: 250 })
        .toEqual({ text: "[{'count': 500}]", isError: false });
      await before.close();
    });

    test("logs no statement", () => {
      expect(logsOf(fleet.stack.container("postgres"))).not.toMatch(/SELECT|INSERT|orders/);
    });
  },
};
