import { describe, expect, test } from "vitest";
import { readConfig } from "../src/config.ts";
import { clientMessage, isUnreachable, ToolError } from "../src/errors.ts";
import { requireCommunity } from "../src/timescale/timescale.ts";
import { firstWord } from "../src/tools/query.ts";

const env = { PGHOST: "db", PGUSER: "reader", PGPASSWORD: "s3cret", PGDATABASE: "series" };

describe("readConfig", () => {
  test("fills in what is not said", () => {
    expect(readConfig(env)).toEqual({
      connection: { host: "db", port: 5432, user: "reader", password: "s3cret", database: "series" },
      writable: false,
      statementTimeoutMs: 20_000,
      maxRows: 1_000,
      maxResultBytes: 262_144,
    });
  });

  test("names every problem at once, and no value", () => {
    const wrong = {
      ...env,
      PGHOST: undefined,
      PGDATABASE: undefined,
      PGPORT: "s3cret-port",
      TIMESCALEDB_WRITABLE: "yes",
    };
    const said = (): unknown => readConfig(wrong);
    expect(said).toThrow(
      /PGHOST is not set\n.*PGPORT is wrong: .*\n.*PGDATABASE is not set\n.*TIMESCALEDB_WRITABLE is wrong/s,
    );
    expect(said).not.toThrow(/s3cret/);
  });
});

describe("errors", () => {
  const error = (code: string, message: string) => Object.assign(new Error(message), { code });

  test("that mean no connection are told apart, and say nothing of hosts and users", () => {
    const refused = error("ECONNREFUSED", "connect ECONNREFUSED 10.1.2.3:5432");
    for (const fault of [
      refused,
      new AggregateError([refused, refused]),
      error("ENOTFOUND", "getaddrinfo ENOTFOUND db.internal"),
      error("57P01", "terminating connection due to administrator command"),
      new Error("Connection terminated unexpectedly"),
    ]) {
      expect(isUnreachable(fault)).toBe(true);
      expect(clientMessage(fault)).toBe(
        "the database does not answer; every call tries anew, so call again once it is back (the log has the cause)",
      );
    }
    expect(isUnreachable(error("42P01", 'relation "x" does not exist'))).toBe(false);
    expect(clientMessage(error("28P01", 'password authentication failed for user "reader"'))).not.toContain("reader");
    expect(clientMessage(new Error("bug at 10.1.2.3"))).toBe("the server failed; its log has the cause");
  });

  test("of Postgres are passed on with their code and a remedy", () => {
    expect(clientMessage(error("57014", "canceling statement due to statement timeout"))).toBe(
      "the database says: canceling statement due to statement timeout [57014]; narrow the time range, use a wider " +
        "bucket or a continuous aggregate, or raise `statementTimeout`",
    );
    expect(clientMessage(new ToolError("subject: fault; remedy"))).toBe("subject: fault; remedy");
  });

  test("name build and remedy where the licence leaves a feature out", () => {
    const apache = {
      version: "2.19.3",
      license: "apache",
      schema: "public",
      functions: new Set<string>(),
      views: new Set<string>(),
    };
    expect(() => requireCommunity(apache, "gapfill")).toThrow(
      'gapfill needs the Community Edition; this is TimescaleDB 2.19.3 with the licence "apache" (timescaledb.license). ' +
        "Whoever runs the server can use a Community build, such as the image timescale/timescaledb, with " +
        "timescaledb.license=timescale; packages of distributions have the Apache part alone",
    );
    expect(() => requireCommunity({ ...apache, license: "timescale" }, "gapfill")).not.toThrow();
  });
});

test.each([
  ["SELECT 1", "SELECT"],
  ["  -- one\n/* two * / */\t(( select 1))", "SELECT"],
  ["with\nx as (select 1) table x", "WITH"],
  ["-- SELECT", ""],
  ["/* open SELECT", ""],
  ["\\copy t to '/tmp/x'", ""],
])("the first word of %j is %j", (sql, word) => {
  expect(firstWord(sql)).toBe(word);
});
