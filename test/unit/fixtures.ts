import { join } from "node:path";
import type { HostFacts } from "../../airgap/stand-ins.ts";
import { type PlanContext, planBridge, planServer } from "../../components/plan.ts";
import { defineServer } from "../../components/server-definition.ts";
import { fetch } from "../../components/servers/fetch.ts";
import { filesystem } from "../../components/servers/filesystem.ts";
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

/** A server with a database of its own, one that it reads, and a volume. */
export const ledger = defineServer({
  name: "ledger",
  description: "A server with backends",
  port: 8598,
  uid: 10098,
  session: { memory: 1, processes: 1 },
  base: { memory: 100, processes: 10 },
  sessions: 8,
  egress: "none",
  baseImages: [],
  tools: ["book"],
  options: {},
  specifics: () => ({
    tmpSize: 128,
    shmSize: 256,
    volumes: [{ name: "data", target: "/data" }],
    backends: [
      {
        backend: "postgres",
        role: "ledger_user",
        memberOf: ["pg_monitor"],
        settings: { statement_timeout: "30s" },
        databases: [{ name: "ledger_db", owned: true, extensions: ["pg_trgm"] }, { name: "shared" }],
      },
    ],
  }),
});

/** Folders that exist in the tests' world. */
const folders = ["/project/work", "/srv/projects"];

export const world = (over: Partial<World> = {}): World => ({
  // Two real ones and two of the tests' own, so that a server more in the catalogue changes no message here.
  servers: [filesystem, fetch, vault, ledger],
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

/** A host that uses other mirrors than the public ones for Debian alone. */
export const host: HostFacts = {
  mirror: "http://mirror.example/debian",
  security: "http://mirror.example/debian-security",
  certificates: [],
  npmRegistry: undefined,
  pipIndex: undefined,
  goEnvironment: {},
  nodeVersion: "24.21.0",
  arch: "x64",
};
