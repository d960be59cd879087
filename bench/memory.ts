/**
 * Searches of the memory server in a graph of 100,000 entities, on the stack's Postgres in a container of its own.
 * Times are the database's, as `EXPLAIN ANALYZE` tells them: planning and execution.
 */
import { parseArgs } from "node:util";
import { prepareToolchain } from "../cli/toolchain.ts";
import { bootstrapSql } from "../components/backends/postgres-bootstrap.ts";
import { postgresSettings } from "../components/backends/postgres-settings.ts";
import { scramVerifier } from "../components/backends/scram.ts";
import { PostgresDatabase } from "../images/memory/src/database/postgres.ts";
import { entitiesSql, matching, named } from "../images/memory/src/graph/reading.ts";
import { GraphStore } from "../images/memory/src/graph/store.ts";
import { Tenant } from "../images/memory/src/graph/tenant.ts";
import { importGraph } from "../images/memory/src/transfer/import.ts";
import { docker, healthy, PostgresContainers } from "../test/integration/postgres-container.ts";

const HELP = `Measures searches of the memory server on the stack's Postgres, in a container of its own.

usage: npm run bench -- memory [options]

  --entities N   entities in the graph; as many relations (default 100000)
  --runs N       times that each search is made (default 20)
  --help         this text`;

const login = { user: "memory_user", password: "of the benchmark", database: "memory_db" };

const WORDS = "amber basil cedar delta ember fjord grove heron indigo juniper kelp lotus maple nectar onyx poppy quartz"
  .concat(" raven saffron thistle umber violet willow xenon yarrow zephyr anchor beacon canyon drift echo falcon")
  .split(" ");

/** Entities of three observations, of words that come often, and numbers that come once. */
function* graph(entities: number): Generator<string> {
  const word = (n: number) => WORDS[n % WORDS.length] ?? "";
  for (let i = 0; i < entities; i++) {
    const observations = [
      `${word(i)} ${word(i * 7 + 3)} ${word(i * 13 + 5)} is number ${i}`,
      `was seen near ${word(i >> 5)} ${word(i >> 10)} on day ${i % 365}`,
      `serial ${(i * 2_654_435_761) % 4_294_967_296}`,
    ];
    yield JSON.stringify({ type: "entity", name: `${word(i >> 3)} ${i}`, entityType: word(i >> 8), observations });
  }
  for (let i = 0; i < entities; i++) {
    const to = (i * 31 + 7) % entities;
    yield JSON.stringify({
      type: "relation",
      from: `${word(i >> 3)} ${i}`,
      to: `${word(to >> 3)} ${to}`,
      relationType: "knows",
    });
  }
}

const SEARCHES = [
  ["a number, in one entity", matching("number 77777", "substring"), 2000],
  ["a long text, in one", matching("amber is number 4", "substring"), 2000],
  ["three characters, in some", matching("429", "substring"), 2000],
  ["a word, in tens of thousands", matching("heron", "substring"), 2000],
  ["the same, a page of 50", matching("heron", "substring"), 51],
  ["two characters", matching("77", "substring"), 2000],
  ["the same, a page of 50", matching("77", "substring"), 51],
  ["what nothing has", matching("no such thing", "substring"), 2000],
  ["two characters that nothing has", matching("zq", "substring"), 2000],
  ["words, in one", matching("77777 number", "words"), 2000],
  ["words, in some", matching("heron day 77", "words"), 2000],
  ["names", named(["amber 0", "nobody"]), 2000],
] as const;

const middle = (times: number[]) => times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
const cell = (milliseconds: number) => `${milliseconds.toFixed(2)} ms`.padStart(11);

export async function benchMemory(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      entities: { type: "string", default: "100000" },
      runs: { type: "string", default: "20" },
      help: { type: "boolean" },
    },
  });
  if (values.help) {
    console.log(HELP);
    return 0;
  }
  const [entities, runs] = [Number(values.entities), Number(values.runs)];
  if (!Number.isInteger(entities) || entities < 1 || !Number.isInteger(runs) || runs < 1) {
    console.error("--entities and --runs take whole numbers above 0");
    return 2;
  }
  const { baseImages } = await prepareToolchain();
  process.env.MCP_BASE_IMAGES ??= JSON.stringify(baseImages);
  await using containers = new PostgresContainers();
  const sql = bootstrapSql({
    managed: true,
    roles: [{ name: login.user, verifier: scramVerifier(login.user, login.password), connectionLimit: 20 }],
    databases: [{ name: login.database, owner: login.user, extensions: ["pg_trgm"] }],
  });
  const data = `--volume=${containers.volume("bench")}:/var/lib/postgresql/data`;
  const env = { MCP_BOOTSTRAP_SQL: sql, MCP_PG_SETTINGS: postgresSettings({ memory: 512 }) };
  const container = containers.run("bench", containers.build("postgres"), env, data);
  await healthy(container);
  const port = Number(docker("port", container, "5432/tcp").split("\n")[0]?.split(":").at(-1));
  const where = { host: "127.0.0.1", port, ...login };
  const database = new PostgresDatabase({ ...where, connections: 2, statementTimeout: 600_000 }, () => {});
  try {
    await measure(database, entities, runs);
  } finally {
    await database.close();
  }
  return 0;
}

async function measure(database: PostgresDatabase, entities: number, runs: number): Promise<void> {
  const tenant = new Tenant(database, "bench");
  await tenant.id();
  const started = performance.now();
  const lines = async function* () {
    yield* graph(entities);
  };
  await importGraph(tenant, lines());
  console.log(
    `import of ${entities} entities and as many relations: ${((performance.now() - started) / 1000).toFixed(1)} s`,
  );
  console.log(`\n${"search, at the database".padEnd(40)}      median        most   found   by`);
  for (const [what, condition, limit] of SEARCHES) {
    const plans = [];
    for (let run = 0; run < runs; run++) {
      const [row] = await tenant.read(({ query }, id) =>
        query<{ "QUERY PLAN": [Explained] }>(`EXPLAIN (ANALYZE, FORMAT JSON) ${entitiesSql(condition)}`, [
          id,
          "0",
          limit,
          ...condition.parameters,
        ]),
      );
      if (row) plans.push(row["QUERY PLAN"][0]);
    }
    const times = plans.map((plan) => plan["Planning Time"] + plan["Execution Time"]);
    const index = /"Index Name":"(\w+)"/.exec(JSON.stringify(plans[0]))?.[1] ?? "reading all";
    const found = plans[0]?.Plan["Actual Rows"] ?? 0;
    console.log(
      `${what.padEnd(40)} ${cell(middle(times))} ${cell(Math.max(...times))} ${String(found).padStart(7)}   ${index}`,
    );
  }
  const store = new GraphStore(database, "bench");
  const whole = performance.now();
  const { relations } = await store.searchNodes("number 77777");
  console.log(
    `\none search with its ${relations.length} relations, as the server makes it: ${cell(performance.now() - whole).trim()}`,
  );
}

interface Explained {
  readonly Plan: { readonly "Actual Rows": number };
  readonly "Planning Time": number;
  readonly "Execution Time": number;
}
