import { resolve } from "node:path";
import { z } from "zod";
import { containerName, type ServerDefinition, visibleTools } from "../components/server-definition.ts";
import {
  backendProblems,
  backendSecretKeys,
  missingBackendSecrets,
  type UsedBackend,
  usedBackends,
} from "./backend-problems.ts";
import { nearest } from "./nearest.ts";
import { isObject, type ReadableServer, readableServers } from "./readable-servers.ts";
import { configSchema, defaultPrefix } from "./schema.ts";
import { neededSecrets, settingSecret } from "./secrets.ts";
import { docAt, keysAt } from "./walk.ts";

/** What the checks need to know of the world. */
export interface World {
  readonly servers: readonly ServerDefinition[];
  /** Folder that relative paths start from. */
  readonly root: string;
  readonly exists: (path: string) => boolean;
  /** Whether `mcp:secrets` is kept encrypted. */
  readonly secretsAreSecret: boolean;
}

type Raw = Record<string, unknown>;

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? "missing";
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

const pathText = (path: readonly PropertyKey[]) =>
  path.reduce<string>(
    (text, step) =>
      typeof step === "number" ? `${text}[${step}]` : `${text}${text === "mcp:" ? "" : "."}${String(step)}`,
    "mcp:",
  );

function valueAt(raw: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, step) => (value as Raw | undefined)?.[step as string], raw);
}

/** Problems of single values: of the wrong kind, out of range, or under a key that does not exist. */
function schemaProblems(schema: z.core.$ZodType, raw: Readonly<Raw>): string[] {
  const result = z.safeParse(schema, raw);
  if (result.success) return [];
  return result.error.issues.flatMap((issue) => {
    if (issue.code === "unrecognized_keys") {
      const known = keysAt(schema, issue.path);
      return issue.keys.map((key) => {
        const meant = nearest(key, known);
        const remedy = meant ? `did you mean \`${meant}\`?` : "remove it";
        return `${pathText([...issue.path, key])} is not a key; allowed: ${known.join(", ")}; ${remedy}`;
      });
    }
    const doc = docAt(schema, issue.path);
    const value = issue.path[0] === "secrets" ? "not of the right shape" : show(valueAt(raw, issue.path));
    return [
      `${pathText(issue.path)} is ${value}; allowed: ${doc?.allowed ?? "an object of keys"}; ${doc?.remedy ?? "write it as `key: value` lines"}`,
    ];
  });
}

function clashes(
  servers: readonly ReadableServer[],
  key: string,
  read: (server: ReadableServer) => unknown,
  remedyOf: (server: ReadableServer) => string,
): string[] {
  const holders = new Map<unknown, ReadableServer>();
  return servers.flatMap((server) => {
    const value = read(server);
    const holder = holders.get(value);
    if (value === undefined || !holder) {
      holders.set(value, server);
      return [];
    }
    const allowed = "a value that no other server has";
    return [
      `${server.path}.${key} is ${show(value)}, as ${holder.path}.${key} is; allowed: ${allowed}; ${remedyOf(server)}`,
    ];
  });
}

function mountProblems({ options, path }: ReadableServer, world: World): string[] {
  const mounts: unknown[] = Array.isArray(options.mounts) ? options.mounts : [];
  const targets = new Map<unknown, number>();
  return mounts.flatMap((mount, index) => {
    if (!isObject(mount)) return [];
    const problems: string[] = [];
    const { source, target } = mount;
    const at = `${path}.mounts[${index}]`;
    if (typeof source === "string" && source !== "" && !world.exists(resolve(world.root, source)))
      problems.push(
        `${at}.source is ${show(source)}, which does not exist; allowed: a folder of the host; create it or name another`,
      );
    const earlier = targets.get(target);
    if (target !== undefined && earlier !== undefined)
      problems.push(
        `${at}.target is ${show(target)}, as ${path}.mounts[${earlier}].target is; allowed: a target for each mount; mount it elsewhere`,
      );
    else targets.set(target, index);
    return problems;
  });
}

function toolProblems({ definition, options, parsed, path }: ReadableServer): string[] {
  const allowed: unknown[] = Array.isArray(options.allowedTools) ? options.allowedTools : [];
  const offered = parsed ? visibleTools(definition, { ...parsed, allowedTools: undefined }) : definition.tools;
  if (offered.length === 0)
    return [`${path} leaves ${definition.name} without a tool; allowed: options with which it has one; change them`];
  return allowed.flatMap((tool, index) => {
    if (typeof tool !== "string" || offered.includes(tool)) return [];
    if (definition.tools.includes(tool))
      return [
        `${path}.allowedTools[${index}] is ${show(tool)}, which ${definition.name} does not have with its other options; allowed: ${offered.join(", ")}; change these options or remove it`,
      ];
    const meant = nearest(tool, offered);
    return [
      `${path}.allowedTools[${index}] is ${show(tool)}; allowed: ${offered.join(", ")}; ${meant ? `did you mean \`${meant}\`?` : "remove it"}`,
    ];
  });
}

function secretProblems(
  raw: Readonly<Raw>,
  servers: readonly ReadableServer[],
  backends: readonly UsedBackend[],
  world: World,
): string[] {
  const secrets = isObject(raw.secrets) ? raw.secrets : {};
  const problems: string[] = [];
  const known = [
    ...world.servers.flatMap(({ name, secrets: needed = [] }) => needed.map(({ key }) => `${name}.${key}`)),
    ...backendSecretKeys(backends),
  ];
  for (const [server, keys] of Object.entries(secrets))
    for (const key of isObject(keys) ? Object.keys(keys) : [])
      if (!known.includes(`${server}.${key}`)) {
        const meant = nearest(`${server}.${key}`, known);
        const remedy = meant ? `did you mean \`${meant}\`?` : "remove it";
        problems.push(
          `mcp:secrets.${server}.${key} is not a secret of any server or backend; allowed: ${known.join(", ") || "none"}; ${remedy}`,
        );
      }
  for (const { definition, parsed } of servers)
    for (const { key, remedy } of parsed ? neededSecrets(definition, parsed) : []) {
      const value = (secrets[definition.name] as Raw | undefined)?.[key];
      if (value === undefined)
        problems.push(
          `mcp:secrets.${definition.name}.${key} is missing, and ${definition.name} cannot run without it; allowed: ${remedy}; ${settingSecret(definition.name, key)}, or set mcp:servers.${definition.name}.enabled to false`,
        );
    }
  problems.push(...missingBackendSecrets(backends, secrets));
  if (Object.keys(secrets).length > 0 && !world.secretsAreSecret)
    problems.push(
      "mcp:secrets is kept in plain text; allowed: encrypted values; set each again with `pulumi config set --secret --path mcp:secrets.<server>.<key>`",
    );
  return problems;
}

/** All that is wrong with a configuration, one line each: subject, fault, what is allowed, remedy. */
export function configProblems(raw: Readonly<Raw>, world: World): string[] {
  const servers = readableServers(raw, world.servers);
  const backends = usedBackends(servers, raw.backends);
  const published = servers.filter(({ options }) => options.publish !== false);
  const prefix = typeof raw.prefix === "string" ? raw.prefix : defaultPrefix;
  const portOf = ({ definition, options }: ReadableServer) => options.port ?? definition.port;
  const nameOf = ({ definition, options }: ReadableServer) =>
    options.containerName ?? containerName(prefix, definition);
  return [
    ...schemaProblems(configSchema(world.servers), raw),
    ...clashes(published, "port", portOf, ({ definition }) => `pick a free one; its default is ${definition.port}`),
    ...clashes(servers, "containerName", nameOf, () => "leave it out for the usual name"),
    ...servers.flatMap((server) => [...mountProblems(server, world), ...toolProblems(server)]),
    ...backendProblems(backends),
    ...secretProblems(raw, servers, backends, world),
  ];
}
