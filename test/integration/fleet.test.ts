import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { catalogue } from "../../components/catalogue.ts";
import type { StackOutputs } from "../../outputs/contract.ts";
import { clients } from "./clients.ts";
import { proofs } from "./servers/all.ts";
import type { Fleet } from "./servers/proof.ts";
import { freePorts, TestStack } from "./test-stack.ts";

// Every server of the catalogue in one stack, each driven by its own proof; MCP_FLEET=<name,…> takes only some.
const wanted = process.env.MCP_FLEET?.split(",");
const names = Object.keys(proofs).filter((name) => wanted?.includes(name) ?? true);

const stack = new TestStack({});
const ports = await freePorts(names.length);
let outputs: StackOutputs;

const fleet: Fleet = {
  stack,
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
  const servers = names.map((name, index) => [name, { port: ports[index], ...proofs[name]?.options(stack) }]);
  const secrets = Object.assign({}, ...names.map((name) => proofs[name]?.secrets));
  await stack.init();
  stack.configure({ servers: Object.fromEntries(servers) });
  await stack.setSecrets(secrets);
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

test("a preview right after shows no change", async () => {
  expect(await stack.preview()).toEqual([]);
  expect(await stack.preview("--refresh")).toEqual([]);
});
