import { existsSync } from "node:fs";
import * as pulumi from "@pulumi/pulumi";
import type { z } from "zod";
import { backendCatalogue } from "./components/backends/catalogue.ts";
import type { BackendsConfig } from "./components/backends/connection.ts";
import { catalogue } from "./components/catalogue.ts";
import type { ServerDefinition } from "./components/server-definition.ts";
import { configProblems, type World } from "./config/problems.ts";
import { configSchema, type ServerOptions } from "./config/schema.ts";
import { neededSecrets, whyLeftOut } from "./config/secrets.ts";

/** A server that is on, with its options filled in. */
export interface ConfiguredServer {
  readonly definition: ServerDefinition;
  readonly options: ServerOptions & Record<string, unknown>;
  /** Environment variables that carry its secrets. */
  readonly secretEnvs: Readonly<Record<string, pulumi.Output<string>>>;
}

/** The whole configuration, checked. */
export type StackConfig = Omit<z.output<ReturnType<typeof configSchema>>, "servers" | "secrets" | "backends"> & {
  readonly backends: BackendsConfig;
  readonly servers: readonly ConfiguredServer[];
  /** Secrets of backends, by backend and key. */
  readonly backendSecrets: Readonly<Record<string, Readonly<Record<string, pulumi.Output<string>>>>>;
  /** What a user should hear of although nothing is wrong, one line each. */
  readonly notices: readonly string[];
};

/**
 * Checks a configuration and fills in its defaults.
 * @throws pulumi.RunError that lists every problem.
 */
export function parseConfig(raw: Readonly<Record<string, unknown>>, world: World): StackConfig {
  const problems = configProblems(raw, world);
  if (problems.length > 0)
    throw new pulumi.RunError(
      [
        `the configuration of this stack has ${problems.length} problem${problems.length === 1 ? "" : "s"}; nothing was changed:`,
        ...problems.map((problem, index) => `  ${index + 1}. ${problem}`),
      ].join("\n"),
    );
  const { servers, secrets, ...common } = configSchema(world.servers).parse(raw);
  const secretsOf = (name: string) =>
    Object.fromEntries(Object.entries(secrets[name] ?? {}).map(([key, value]) => [key, pulumi.secret(value)]));
  const listed = servers as Record<string, (ServerOptions & Record<string, unknown>) | undefined>;
  const enabled = world.servers.flatMap((definition) => {
    const options = listed[definition.name];
    const given = secrets[definition.name] ?? {};
    return options?.enabled ? { definition, options, given, leftOut: whyLeftOut(definition, options, given) } : [];
  });
  return {
    ...common,
    backends: common.backends as BackendsConfig,
    backendSecrets: Object.fromEntries(backendCatalogue.map(({ name }) => [name, secretsOf(name)])),
    servers: enabled
      .filter(({ leftOut }) => leftOut === undefined)
      .map(({ definition, options, given }) => {
        const secretEnvs = neededSecrets(definition, options).map(
          ({ key, env }) => [env, pulumi.secret(given[key] ?? "")] as const,
        );
        return { definition, options, secretEnvs: Object.fromEntries(secretEnvs) };
      }),
    notices: enabled.flatMap(({ leftOut }) => leftOut ?? []),
  };
}

/** Top-level values are text in Pulumi's own hands; those that are objects or lists come as JSON. */
function decode(text: string): unknown {
  if (!/^\s*[[{]|^\d+$|^(true|false)$/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Keys that Pulumi keeps encrypted; it tells a program in this variable and in no public function. */
const secretKeys = (): string[] => JSON.parse(process.env.PULUMI_CONFIG_SECRET_KEYS ?? "[]");

/** Reads `mcp:` of this stack. Nothing else reads Pulumi's configuration. */
export function readConfig(root: string): StackConfig {
  const entries = Object.entries(pulumi.runtime.allConfig()).filter(([key]) => key.startsWith("mcp:"));
  const raw = Object.fromEntries(entries.map(([key, value]) => [key.slice("mcp:".length), decode(value)]));
  const config = parseConfig(raw, {
    servers: catalogue,
    root,
    exists: existsSync,
    secretsAreSecret: secretKeys().includes("mcp:secrets"),
  });
  for (const notice of config.notices) void pulumi.log.warn(notice);
  return config;
}
