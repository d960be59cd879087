import { join } from "node:path";
import { catalogue } from "../../components/catalogue.ts";
import { type PlanContext, planBridge, planServer } from "../../components/plan.ts";
import { defineServer } from "../../components/server-definition.ts";
import type { World } from "../../config/problems.ts";
import { parseConfig, type StackConfig } from "../../config.ts";

/** A server that cannot run without a secret, as github will be. */
export const vault = defineServer({
  name: "vault",
  description: "A server with a secret",
  port: 8599,
  containerSuffix: "vault-service",
  uid: 10099,
  session: { memory: 32, processes: 16 },
  egress: "web",
  baseImages: [],
  tools: ["open"],
  secrets: [{ key: "token", env: "VAULT_TOKEN", remedy: "a token from the vault's settings page" }],
  options: {},
  specifics: () => ({}),
});

/** Folders that exist in the tests' world. */
const folders = ["/project/work", "/srv/projects"];

export const world = (over: Partial<World> = {}): World => ({
  servers: [...catalogue, vault],
  root: "/project",
  exists: (path) => folders.includes(path),
  secretsAreSecret: true,
  ...over,
});

export const mounts = [{ source: "work", target: "/workspace" }];
export const minimal = { servers: { filesystem: { mounts }, fetch: {} } };

export const context: PlanContext = { root: "/project", digest: (folder) => `digest of ${folder}` };

export const config = (raw: Record<string, unknown> = minimal): StackConfig => parseConfig(raw, world());

/** Plan of one server of a configuration. */
export function planOf(name: string, raw: Record<string, unknown> = minimal, ctx = context) {
  const stack = config(raw);
  const server = stack.servers.find(({ definition }) => definition.name === name);
  if (!server) throw new Error(`${name} is not on in this test's configuration`);
  return planServer(server, stack, planBridge(stack, ctx), ctx);
}

export const repository = join(import.meta.dirname, "..", "..");
