import { z } from "zod";
import { backendCatalogue } from "../components/backends/catalogue.ts";
import type { BackendDefinition, BackendUse } from "../components/backends/definition.ts";
import type { ServerDefinition } from "../components/server-definition.ts";
import { isObject } from "./readable-servers.ts";

/** A backend that servers of a configuration use, with its options as they are written. */
export interface UsedBackend {
  readonly definition: BackendDefinition;
  readonly options: Readonly<Record<string, unknown>>;
  readonly uses: readonly BackendUse[];
}

/** What a server uses, as far as its own options can be read; what is wrong with these is said elsewhere. */
function usesOf({ definition, options }: { definition: ServerDefinition; options: unknown }): readonly BackendUse[] {
  const parsed = z.object(definition.options).safeParse(options);
  return parsed.success ? (definition.specifics(parsed.data).backends ?? []) : [];
}

/** The backends that the servers use which are on. */
export function usedBackends(
  servers: readonly { definition: ServerDefinition; options: unknown }[],
  raw: unknown,
): UsedBackend[] {
  const written = isObject(raw) ? raw : {};
  const all = servers.flatMap(usesOf);
  return backendCatalogue.flatMap((definition) => {
    const uses = all.filter(({ backend }) => backend === definition.name);
    const options = written[definition.name];
    return uses.length === 0 ? [] : [{ definition, options: isObject(options) ? options : {}, uses }];
  });
}

/** Keys that only one of the two modes reads: a value under the other would be without effect. */
const existingKeys = ["host", "port", "url", "network", "adminUser"];

/** An existing backend must be found; what is said of the other mode would go unheard. */
export function backendProblems(backends: readonly UsedBackend[]): string[] {
  return backends.flatMap(({ definition, options }) => {
    const path = `mcp:backends.${definition.name}`;
    if (options.mode !== "existing")
      return existingKeys
        .filter((key) => options[key] !== undefined)
        .map(
          (key) =>
            `${path}.${key} is ${JSON.stringify(options[key])}, but ${definition.name} is managed by this stack; allowed: nothing; remove it, or set ${path}.mode to existing`,
        );
    const needed = definition.protocol === "postgres" ? "host" : "url";
    return options[needed] === undefined
      ? [
          `${path}.${needed} is missing, and an existing ${definition.name} cannot be found without it; allowed: ${needed === "url" ? "an http or https URL without a path" : "a host name or an IP address"}; name it as its clients find it`,
        ]
      : [];
  });
}

/** Roles whose passwords somebody else has set: those of an existing server that this stack may not change. */
const givenRoles = ({ definition, options, uses }: UsedBackend): string[] =>
  definition.protocol === "postgres" && options.mode === "existing" && options.adminUser === undefined
    ? uses.flatMap((use) => ("role" in use ? [use.role] : []))
    : [];

const needsAdmin = ({ definition, options }: UsedBackend) =>
  definition.protocol === "postgres" && options.mode === "existing" && options.adminUser !== undefined;

/** Secrets that these backends can have, as `<backend>.<key>`. */
export const backendSecretKeys = (backends: readonly UsedBackend[]): string[] =>
  backends.flatMap((backend) => {
    const { definition, options } = backend;
    const clients = options.mode === "existing" ? (definition.clientSecrets ?? []).map(({ key }) => key) : [];
    const keys = [...(needsAdmin(backend) ? ["adminPassword"] : []), ...givenRoles(backend), ...clients];
    return keys.map((key) => `${definition.name}.${key}`);
  });

/** Secrets without which an existing backend lets nobody in. */
export const missingBackendSecrets = (
  backends: readonly UsedBackend[],
  secrets: Readonly<Record<string, unknown>>,
): string[] =>
  backends.flatMap((backend) => {
    const { name } = backend.definition;
    const given = isObject(secrets[name]) ? secrets[name] : {};
    const needed = [
      ...(needsAdmin(backend) ? [["adminPassword", "the password of adminUser"] as const] : []),
      ...givenRoles(backend).map((role) => [role, `the password of its role ${role}`] as const),
    ];
    return needed
      .filter(([key]) => given[key] === undefined)
      .map(
        ([key, what]) =>
          `mcp:secrets.${name}.${key} is missing; allowed: ${what}; \`pulumi config set --secret --path mcp:secrets.${name}.${key}\`${key === "adminPassword" ? "" : `, or set mcp:backends.${name}.adminUser to a role that may create it`}`,
      );
  });
