import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { catalogue } from "../../components/catalogue.ts";
import type { StackOutputs } from "../../outputs/contract.ts";
import { clients, type TestClient } from "./clients.ts";
import { proofs } from "./servers/all.ts";
import { configureFleet } from "./servers/configure.ts";
import type { Fleet } from "./servers/proof.ts";
import { dockerQuietly } from "./stand-in-stack.ts";
import { TestStack } from "./test-stack.ts";

// Every server of the catalogue in one stack, each driven by its own proof; MCP_FLEET=<name,…> takes only some.
const wanted = process.env.MCP_FLEET?.split(",");
const names = Object.keys(proofs).filter((name) => wanted?.includes(name) ?? true);

const stack = new TestStack({});
let outputs: StackOutputs;

const fleet: Fleet = {
  stack,
  servers: names,
  endpointOf(server) {
    const endpoint = outputs.endpoints[server]?.host;
    if (!endpoint) throw new Error(`${server} is not published`);
    return endpoint;
  },
  tokenOf: (server) => outputs.tokens[server] ?? "",
  connect(name, server) {
    const client = clients[name];
    if (!client) throw new Error(`no client ${name}`);
    return client(fleet.endpointOf(server), fleet.tokenOf(server));
  },
  backend: (name) => `${stack.prefix}backend-${name}`,
};

beforeAll(async () => {
  // No server has a way out, to package mirrors neither: nothing is fetched at run time.
  // Each check starts a process; once a second for all of them would keep a processor busy.
  await configureFleet(stack, names, { egress: "none" }, { healthInterval: 4 });
  await stack.up();
  outputs = await stack.outputs();
});

afterAll(() => stack[Symbol.asyncDispose]());

if (!wanted)
  test("a proof exists for every server of the catalogue", () => {
    expect(Object.keys(proofs).sort()).toEqual(catalogue.map(({ name }) => name).sort());
  });

describe.each(names)("%s", (name) => {
  test("lists the tools that its label counts", async () => {
    const client = await fleet.connect("v1 over Streamable HTTP", name);
    const listed = (await client.listTools()).tools;
    await client.close();
    expect(stack.labelsOf(name)["com.mcp.tools"]).toBe(String(listed.length));
  });

  proofs[name]?.prove(fleet);
});

describe("a server that is killed", () => {
  const sessions = new Map<string, TestClient>();
  const facts = (name: string) => {
    const { Id, State, RestartCount } = stack.inspect(name);
    return { id: Id, started: State.StartedAt, restarts: RestartCount };
  };
  beforeAll(async () => {
    for (const name of names) sessions.set(name, await fleet.connect("v1 over Streamable HTTP", name));
  });
  afterAll(async () => {
    for (const client of sessions.values()) await client.close().catch(() => {});
  });

  test.each(names)("%s leaves the others as they were, sessions too, and is back", async (name) => {
    const others = names.filter((other) => other !== name);
    const before = new Map(names.map((each) => [each, facts(each)]));
    killMain(stack.container(name));
    for (const other of others) {
      expect((await sessions.get(other)?.listTools())?.tools.length, other).toBeGreaterThan(0);
      expect(facts(other), other).toEqual(before.get(other));
    }
    // The engine brings it back by itself; its sessions are gone, and a new client finds all as before.
    await expect.poll(() => answers(name), { timeout: 60_000, interval: 250 }).toBe(true);
    expect(facts(name).restarts).toBe((before.get(name)?.restarts ?? 0) + 1);
    const again = await fleet.connect("v2 over SSE", name);
    expect((await again.listTools()).tools.length).toBe(Number(stack.labelsOf(name)["com.mcp.tools"]));
    await again.close();
    sessions.set(name, await fleet.connect("v1 over Streamable HTTP", name));
  });
});

const answers = (name: string) =>
  fetch(fleet.endpointOf(name).health).then(
    ({ status }) => status === 200,
    () => false,
  );

/** Ends the bridge itself with SIGKILL. From inside: an engine does not restart what `docker kill` ended. */
function killMain(container: string): void {
  const script = `
    const { readdirSync, readFileSync } = require("node:fs");
    const parentOf = (pid) => Number(readFileSync("/proc/" + pid + "/stat", "utf8").replace(/^.*\\) /, "").split(" ")[1]);
    const main = readdirSync("/proc").filter((name) => /^\\d+$/.test(name)).find((pid) => parentOf(pid) === 1);
    process.kill(Number(main), "SIGKILL");`;
  // The container may be gone with it before the command has ended.
  dockerQuietly("exec", container, "node", "-e", script);
}

test("a preview right after shows no change", async () => {
  expect(await stack.preview()).toEqual([]);
  expect(await stack.preview("--refresh")).toEqual([]);
});
