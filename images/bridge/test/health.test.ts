import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { Health } from "../src/health.ts";
import { HEALTH_TIMES } from "../src/health-check.ts";
import type { Log } from "../src/log.ts";
import { ownChecks } from "../src/own-checks.ts";
import type { Port } from "../src/port.ts";

/** Every question is asked anew, and at once. */
const TIMES = { ...HEALTH_TIMES, cache: 0, ping: 5, probe: 50, probeEvery: 0, recheck: 60_000 };

/** A pool whose spare answers as it is told. */
function fakePool() {
  const told = {
    answers: true,
    answered: true,
    startedAt: 0,
    closed: false,
    discarded: 0,
    probes: 0,
    probeAnswers: true,
  };
  const port: Port = {
    ping: () => Promise.resolve(told.answers),
    get answered() {
      return told.answered;
    },
    get startedAt() {
      return told.startedAt;
    },
    get closed() {
      return told.closed;
    },
    queuedBytes: 0,
    send() {},
    pause() {},
    resume() {},
    listen({ message }) {
      if (told.probeAnswers) message(Buffer.from('{"jsonrpc":"2.0","id":"mcp-bridge:probe","result":{}}'));
    },
    close: () => Promise.resolve(),
  };
  const pool = {
    spare: port as Port | undefined,
    backoff: { looping: false, delay: 0 },
    discardSpare: () => void told.discarded++,
    startProbe: () => {
      told.probes++;
      return port;
    },
  };
  return { told, pool };
}

const build = (pool: ReturnType<typeof fakePool>["pool"], warmChildren = 1) => {
  const log: string[] = [];
  const health = new Health(
    pool,
    (level, _event, fields) => log.push(`${level} ${fields?.status}`),
    { warmChildren },
    TIMES,
  );
  const statuses = async (count: number): Promise<string[]> => {
    const seen: string[] = [];
    for (let i = 0; i < count; i++) seen.push((await health.report()).status);
    health.stop();
    return seen;
  };
  return { health, statuses, log };
};

test("green stays green for two failures, red comes with the third, green with the first success", async () => {
  const { told, pool } = fakePool();
  const { statuses, log } = build(pool);
  expect(await statuses(1)).toEqual(["ok"]);
  told.answers = false;
  expect(await statuses(4)).toEqual(["ok", "ok", "failing", "failing"]);
  expect(told.discarded).toBe(4);
  told.answers = true;
  expect(await statuses(1)).toEqual(["ok"]);
  expect(log).toEqual(["info ok", "error failing", "info ok"]);
});

test("a server that is starting is neither failed nor replaced, until its time is over", async () => {
  const { told, pool } = fakePool();
  Object.assign(told, { answers: false, answered: false, startedAt: Date.now() });
  const { statuses } = build(pool);
  expect(await statuses(5)).toEqual(Array(5).fill("starting"));
  expect(told.discarded).toBe(0);
  told.startedAt = Date.now() - HEALTH_TIMES.start;
  expect(await statuses(3)).toEqual(["starting", "starting", "failing"]);
  expect(told.discarded).toBe(3);
});

test("a crash loop is red at once, and over when it is over", async () => {
  const { pool } = fakePool();
  const { statuses, health } = build(pool);
  pool.backoff = { looping: true, delay: 5_000 };
  expect(await statuses(1)).toEqual(["failing"]);
  expect((await health.report()).checks.child?.ok).toBe(false);
  pool.backoff = { looping: false, delay: 0 };
  expect(await statuses(1)).toEqual(["ok"]);
});

test("no spare: fine while starts work, a failure while they are held back", async () => {
  const { pool } = fakePool();
  pool.spare = undefined;
  const { statuses } = build(pool);
  expect(await statuses(1)).toEqual(["ok"]);
  pool.backoff = { looping: false, delay: 500 };
  expect(await statuses(3)).toEqual(["ok", "ok", "failing"]);
});

test("a spare that a session takes during the ping is no failure", async () => {
  const { told, pool } = fakePool();
  const { statuses } = build(pool);
  const spare = pool.spare as Port;
  told.answers = false;
  spare.ping = () => {
    pool.spare = undefined;
    return Promise.resolve(false);
  };
  expect(await statuses(1)).toEqual(["ok"]);
});

test("a spare that dies of the ping is never asked again; probes are", async () => {
  const { told, pool } = fakePool();
  const { statuses } = build(pool);
  const spare = pool.spare as Port;
  let pings = 0;
  spare.ping = () => {
    pings++;
    pool.spare = undefined;
    told.closed = true;
    return Promise.resolve(false);
  };
  expect(await statuses(3)).toEqual(["starting", "ok", "ok"]);
  expect([pings, told.probes]).toEqual([1, 2]);
});

test("a shared server that dies while it is asked did not die of that: the next one is asked too", async () => {
  const { told, pool } = fakePool();
  const { statuses } = build(pool);
  const shared = pool.spare as Port;
  Object.assign(shared, { initialized: true });
  shared.ping = () => {
    pool.spare = undefined;
    told.closed = true;
    return Promise.resolve(false);
  };
  expect(await statuses(1)).toEqual(["starting"]);
  pool.spare = { ...shared, ping: () => Promise.resolve(true) };
  expect(await statuses(1)).toEqual(["ok"]);
  expect(told.probes).toBe(0);
});

test("without spares a probe is asked; one that stays silent is a failure", async () => {
  const { told, pool } = fakePool();
  pool.spare = undefined;
  const { statuses, health } = build(pool, 0);
  expect(await statuses(1)).toEqual(["ok"]);
  told.probeAnswers = false;
  expect(await statuses(3)).toEqual(["ok", "ok", "failing"]);
  expect((await health.report()).checks.child?.detail).toBe("no answer to initialize within 50 ms");
});

test("checks of a hosted server's own turn red by themselves; what failed is logged, not shown", async () => {
  const { pool } = fakePool();
  const logged: unknown[] = [];
  const log: Log = (_level, event, fields) => void (event === "health_check_failed" && logged.push(fields));
  let database = (): unknown => "up";
  const own = ownChecks({ database: () => database(), slow: () => sleep(60_000) }, log, { ...TIMES, ping: 20 });
  const health = new Health(pool, log, { warmChildren: 1, name: "server", own: own.slice(0, 1) }, TIMES);
  const report = async () => {
    const { status, checks } = await health.report();
    return [status, ...Object.entries(checks).map(([name, { ok, detail }]) => `${name} ${ok}: ${detail}`)];
  };
  const server = "server true: the server answers";
  expect(await report()).toEqual(["ok", server, "database true: database answers"]);
  database = () => Promise.reject(new Error("db.internal refused"));
  const failed = "database does not answer; the log has the cause";
  expect(await report()).toEqual(["ok", server, `database true: ${failed}`]);
  expect(await report()).toEqual(["ok", server, `database true: ${failed}`]);
  expect(await report()).toEqual(["failing", server, `database false: ${failed}`]);
  expect(logged).toEqual(Array(3).fill({ check: "database", reason: "db.internal refused" }));
  database = () => {
    throw new Error("at once");
  };
  expect((await report())[0]).toBe("failing");
  database = () => "up";
  expect(await report()).toEqual(["ok", server, "database true: database answers"]);
  logged.length = 0;
  await own[1]?.refresh();
  expect(logged).toEqual([{ check: "slow", reason: "no answer within 20 ms" }]);
  health.stop();
  own[1]?.stop();
});

test("a probe that the system does not let start is a failure, not an exception", async () => {
  const { pool } = fakePool();
  const refusing = {
    ...pool,
    spare: undefined,
    startProbe: () => {
      throw new Error("spawn E2BIG");
    },
  };
  const health = new Health(refusing, () => {}, { warmChildren: 0 }, TIMES);
  expect((await health.report()).checks.child?.detail).toBe("the server could not be started: spawn E2BIG");
  health.stop();
});
