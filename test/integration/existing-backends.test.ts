import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { StackOutputs } from "../../outputs/contract.ts";
import { callText, clients } from "./clients.ts";
import { asSuperuser, docker, healthy, PostgresContainers } from "./postgres-container.ts";
import { transports } from "./servers/proof.ts";
import { freePorts, logsOf, TestStack } from "./test-stack.ts";

// A Postgres that somebody else runs, on a network of theirs: the stack is its guest, and leaves it as it is.
const adminPassword = `the admin's "password" $1`;
/** As clouds give them: an administrator that is no superuser, beside a database of somebody else. */
const theirs = [
  `CREATE ROLE admin LOGIN CREATEROLE CREATEDB PASSWORD '${adminPassword.replaceAll("'", "''")}'`,
  "GRANT pg_read_all_data, pg_monitor TO admin WITH ADMIN OPTION",
  "CREATE ROLE them",
  "GRANT them TO admin",
  "CREATE DATABASE theirs OWNER them",
  "REVOKE ALL ON DATABASE theirs FROM PUBLIC",
];
const shop = `
  CREATE EXTENSION hypopg; CREATE EXTENSION pg_stat_statements;
  SET ROLE them; CREATE TABLE item (id int, name text); INSERT INTO item VALUES (1, 'lamp'), (2, 'chair')`;
const script = `
  initdb --auth-local=trust --auth-host=scram-sha-256 >/dev/null
  echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
  exec postgres -c 'listen_addresses=*' -c unix_socket_directories=/var/run/postgresql \\
    -c shared_preload_libraries=pg_stat_statements -c log_statement=none`;

const ada = { name: "Ada Lovelace", entityType: "person", observations: ["wrote the first program"] };
const engine = { name: "Analytical Engine", entityType: "machine", observations: ["was never built"] };

const stack = new TestStack({});
const [memoryPort, postgresPort] = await freePorts(2);
let containers: PostgresContainers;
let server: string;
let outputs: StackOutputs;
/** What `pulumi up` printed, each time. */
const printed: string[] = [];

/** The stack with the backend that is there, and what its owner gives it for secrets. */
async function configure(backend: Record<string, unknown>, secrets: Record<string, string>): Promise<void> {
  stack.configure({
    servers: {
      memory: { port: memoryPort, egress: "none" },
      postgres: { port: postgresPort, egress: "none", databases: ["theirs"] },
    },
    backends: { postgres: { mode: "existing", host: server, network: containers.network, ...backend } },
  });
  await stack.setSecrets({ postgres: secrets });
}

async function up(): Promise<void> {
  printed.push(await stack.up());
  outputs = await stack.outputs();
}

async function connect(transport: string, name: string) {
  const [client, endpoint] = [clients[transport], outputs.endpoints[name]?.host];
  if (!client || !endpoint) throw new Error(`no client "${transport}", or ${name} is not published`);
  return client(endpoint, outputs.tokens[name] ?? "");
}

/** What a tool of a server answers, which must be no error. */
async function ask(transport: string, name: string, tool: string, args: Record<string, unknown>): Promise<string> {
  const client = await connect(transport, name);
  const answer = await callText(client, tool, args);
  await client.close();
  expect(answer).toEqual({ text: expect.any(String), isError: false });
  return answer.text;
}

const graph = async (transport: string) => JSON.parse(await ask(transport, "memory", "read_graph", {}));
const items = (transport: string) =>
  ask(transport, "postgres", "execute_sql", { sql: "SELECT id, name FROM item ORDER BY id" });
const bothItems = "[{'id': 1, 'name': 'lamp'}, {'id': 2, 'name': 'chair'}]";

const ourContainers = () =>
  docker("ps", "--all", "--format", "{{.Names}}")
    .split("\n")
    .filter((name) => name.startsWith(stack.prefix))
    .map((name) => name.slice(stack.prefix.length))
    .sort();
const passwordOf = (name: string): string =>
  (stack.inspect(name).Config.Env as string[]).find((variable) => variable.startsWith("PGPASSWORD=")) ?? "";
/** The server and its network as their owner knows them. */
const belongings = () => ({
  server: docker("inspect", "--format={{.Id}} {{.State.StartedAt}} {{.State.Status}} {{.RestartCount}}", server),
  network: docker("network", "inspect", "--format={{.Id}} {{.Created}}", containers.network),
});
/** The rows of the graph, each with the transaction that wrote it. */
const rows = () =>
  asSuperuser(server, "SELECT id, name, observations, xmin FROM memory.entities ORDER BY id", "memory_db");

beforeAll(async () => {
  containers = new PostgresContainers();
  const data = `--volume=${containers.volume("theirs")}:/var/lib/postgresql/data`;
  const image = containers.build("postgres");
  server = containers.run("theirs", image, {}, data, "--entrypoint=sh", "--", "-ec", script);
  await healthy(server);
  for (const statement of theirs) asSuperuser(server, statement);
  asSuperuser(server, shop, "theirs");
  await stack.init();
});

afterAll(async () => {
  // First the stack: its containers are on the network.
  await stack[Symbol.asyncDispose]();
  await containers[Symbol.asyncDispose]();
});

describe("with an administrator's role", () => {
  let before: ReturnType<typeof belongings>;

  beforeAll(async () => {
    before = belongings();
    await configure({ adminUser: "admin" }, { adminPassword });
    await up();
  });

  test("runs what sets the server up, and no server of its own", () => {
    expect(ourContainers()).toEqual(["bootstrap-postgres", "memory", "postgres-service"]);
  });

  test.each(transports)("memory keeps its graph there, for a client of %s", async (transport) => {
    const [first = ada] = transport === transports[0] ? [ada] : [engine];
    expect(JSON.parse(await ask(transport, "memory", "create_entities", { entities: [first] }))).toEqual([first]);
    expect((await graph(transport)).entities).toContainEqual(first);
    expect(rows()).toContain(first.observations[0]);
  });

  test.each(transports)("postgres reads a database that was there, for a client of %s", async (transport) => {
    expect(await items(transport)).toBe(bothItems);
  });

  test("a preview right after shows no change", async () => {
    expect(await stack.preview()).toEqual([]);
    expect(await stack.preview("--refresh")).toEqual([]);
  });

  test("the administrator's password is known to what sets the server up, and shown nowhere", async () => {
    const password = JSON.stringify(adminPassword).slice(1, -1);
    for (const name of ourContainers()) {
      const inspected = stack.inspect(name);
      if (name === "bootstrap-postgres") {
        expect(inspected.Config.Env).toContain(`PGPASSWORD=${adminPassword}`);
        inspected.Config.Env = [];
      }
      expect(JSON.stringify(inspected), name).not.toContain(password);
      expect(logsOf(stack.prefix + name), name).not.toContain(adminPassword);
    }
    expect(logsOf(server)).not.toContain(adminPassword);
    for (const text of [...printed, await stack.plainOutputs(), await stack.state()]) {
      expect(text).not.toContain(adminPassword);
      expect(text).not.toContain(password);
    }
  });

  test("goes without a trace on the server, and finds its data again with new passwords", async () => {
    const [data, old] = [rows(), passwordOf("memory")];
    expect(data.split("\n").length).toBe(2);
    await stack.down();
    expect(ourContainers()).toEqual([]);
    expect(belongings()).toEqual(before);
    expect(rows()).toBe(data);

    await up();
    expect(passwordOf("memory")).toMatch(/^PGPASSWORD=\w{48}$/);
    expect(passwordOf("memory")).not.toBe(old);
    expect(await graph("v2 over SSE")).toEqual({ entities: [ada, engine], relations: [] });
    expect(await items("v2 over SSE")).toBe(bothItems);
  });
});

describe("without an administrator's role", () => {
  let state: string;
  const given = { memory_user: "memory's own $word", postgres_reader: 'a "reader" = 1' };

  beforeAll(async () => {
    for (const [role, password] of Object.entries(given))
      asSuperuser(server, `ALTER ROLE ${role} PASSWORD '${password.replaceAll("'", "''")}'`);
    await configure({}, given);
    await up();
    state = await stack.state();
  });

  test("the stack runs the servers alone", () => {
    expect(ourContainers()).toEqual(["memory", "postgres-service"]);
    const { deployment } = JSON.parse(state) as { deployment: { resources: { urn: string }[] } };
    const names = deployment.resources.map(({ urn }) => urn.split("::").at(-1));
    expect(names.filter((name) => name?.includes("backend"))).toEqual(["postgres-backend"]);
  });

  test.each(transports)("its servers come in with the passwords given, for a client of %s", async (transport) => {
    expect(passwordOf("memory")).toBe(`PGPASSWORD=${given.memory_user}`);
    expect(await graph(transport)).toEqual({ entities: [ada, engine], relations: [] });
    expect(await items(transport)).toBe(bothItems);
  });

  test("a preview right after shows no change, and no password is shown", async () => {
    expect(await stack.preview()).toEqual([]);
    const logs = ourContainers().map((name) => logsOf(stack.prefix + name));
    const texts = [...printed, await stack.plainOutputs(), state, ...logs];
    for (const password of Object.values(given))
      for (const text of texts) {
        expect(text).not.toContain(password);
        expect(text).not.toContain(JSON.stringify(password).slice(1, -1));
      }
  });
});
