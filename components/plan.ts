import { createHash } from "node:crypto";
import { resolve } from "node:path";
import type { Output } from "@pulumi/pulumi";
import type { ConfiguredServer, StackConfig } from "../config.ts";
import { clientEnvs, clientNetworks, optionsOf } from "./backends/connection.ts";
import type { BackendUse } from "./backends/definition.ts";
import { type Limits, planLimits } from "./limits.ts";
import { containerName, gatewayName, type ServerDefinition, visibleTools } from "./server-definition.ts";

/** Port on which every server listens inside its container. */
export const containerPort = 8080;

/** An image to build: everything that decides what is in it. */
export interface ImagePlan {
  /** Name and tag; the tag is a digest of all that the build reads, so other contents are another image. */
  readonly name: string;
  /** Folder of the build, relative to the project's, so that a state can be shared between machines. */
  readonly context: string;
  readonly buildArgs: Readonly<Record<string, string>>;
}

/** A network to create. */
export interface NetworkPlan {
  readonly name: string;
  readonly options: Readonly<Record<string, string>>;
}

/** All facts of one server, as plain data but for its secrets. */
export interface ServerPlan {
  readonly name: string;
  readonly description: string;
  readonly containerName: string;
  /** Name inside the server's network: `mcp-<server>` whatever the prefix, so that clients' URLs stay. */
  readonly alias: string;
  readonly image: ImagePlan;
  readonly network: NetworkPlan;
  readonly user: string;
  readonly command: readonly string[];
  readonly envs: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly mounts: readonly { source: string; target: string; readOnly: boolean }[];
  /** Volumes: what they are called here, on the engine, and where they are seen. */
  readonly volumes: readonly { readonly key: string; readonly name: string; readonly target: string }[];
  /** `/tmp`, in MiB. */
  readonly tmpSize: number;
  /** `/dev/shm`, in MiB; undefined for the engine's own. */
  readonly shmSize: number | undefined;
  /** Profile of system calls, as JSON; undefined for the engine's own. */
  readonly seccomp: string | undefined;
  readonly backends: readonly BackendUse[];
  /** Networks that are not of this stack: those of existing backends. */
  readonly externalNetworks: readonly string[];
  readonly limits: Limits;
  readonly healthInterval: string;
  /** Where the host publishes the server, if it does. */
  readonly published: { readonly ip: string; readonly port: number } | undefined;
  /** Whether it asks the other servers how they are. */
  readonly asksOthers: boolean;
  /** Names of the tools that clients see. */
  readonly tools: readonly string[];
  /** Time that one request may take without progress, in seconds. */
  readonly requestTimeout: number;
  /** Environment variables whose values are secrets. */
  readonly secretEnvs: Readonly<Record<string, Output<string>>>;
}

/** What a plan depends on beside the configuration. */
export interface PlanContext {
  /** The project's folder. */
  readonly root: string;
  /** Digest of what a build reads in a folder of the project: see `context-digest.ts`. */
  readonly digest: (context: string) => string;
}

/** Short digest of a list of texts; separated, so that no two lists run together. */
const digestOf = (parts: readonly string[]) => createHash("sha256").update(parts.join("\0")).digest("hex").slice(0, 12);

/** Plans one image, built from a folder of the project. */
export function planImage(
  prefix: string,
  name: string,
  context: string,
  buildArgs: Readonly<Record<string, string>>,
  { digest }: PlanContext,
): ImagePlan {
  const tag = digestOf([digest(context), ...Object.entries(buildArgs).flat()]);
  return { name: `${prefix}${name}:${tag}`, context, buildArgs };
}

/** The bridge's own image, from which those of the servers are built. */
export const planBridge = (config: StackConfig, context: PlanContext): ImagePlan =>
  planImage(config.prefix, "bridge", "images/bridge", { NODE_IMAGE: config.images.node }, context);

/** Seconds as Go prints a duration: the provider records it that way, and any other way is a change in each preview. */
export function goDuration(seconds: number): string {
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (h > 0) return `${h}h${m}m${s}s`;
  return m > 0 ? `${m}m${s}s` : `${s}s`;
}

function planLabels(definition: ServerDefinition, tools: readonly string[]): Record<string, string> {
  return { "com.mcp.type": definition.name, "com.mcp.tools": String(tools.length), ...definition.labels };
}

/** What the bridge of a server is told: see `images/bridge/README.md`. */
function planBridgeEnvs(
  { definition, options }: ConfiguredServer,
  { allowedHosts }: StackConfig,
  { alias, name, maxSessions }: { alias: string; name: string; maxSessions: number },
): Record<string, string> {
  const hosts = [...new Set(["localhost", "127.0.0.1", "[::1]", alias, name, ...allowedHosts])];
  return {
    MCP_SERVER_NAME: definition.name,
    MCP_ALLOWED_HOSTS: hosts.join(","),
    MCP_MAX_SESSIONS: String(maxSessions),
    MCP_REQUEST_TIMEOUT: `${options.requestTimeout}s`,
    ...(options.allowedTools && { MCP_ALLOWED_TOOLS: options.allowedTools.join(",") }),
    ...(definition.stripClientCapabilities && {
      MCP_STRIP_CLIENT_CAPABILITIES: definition.stripClientCapabilities.join(","),
    }),
  };
}

/** `/tmp` of most servers, in MiB. */
const usualTmpSize = 64;

/** Whether an existing backend is found beyond the networks that its clients join. */
const leavesItsNetworks = (uses: readonly BackendUse[], { backends }: StackConfig) =>
  uses.some(({ backend }) => {
    const { mode, network } = optionsOf(backends, backend);
    return mode === "existing" && network === undefined;
  });

/** Where a server finds the others: see `gateway-plan.ts`, which gives each its path. */
const serviceUrls = (names: readonly string[]): Record<string, string> =>
  Object.fromEntries(names.map((name) => [name, `http://${gatewayName}:${containerPort}/${name}`]));

const serverNames = ({ servers }: StackConfig) => servers.map(({ definition }) => definition.name);

/** Plans one server: from its catalogue entry and the configuration to plain facts. */
export function planServer(
  server: ConfiguredServer,
  config: StackConfig,
  bridge: ImagePlan,
  context: PlanContext,
): ServerPlan {
  const { definition, options } = server;
  const specifics = definition.specifics(options);
  const { command = [], envs = {}, mounts = [], volumes = [], backends = [], tmpSize = usualTmpSize } = specifics;
  const name = options.containerName ?? containerName(config.prefix, definition);
  const alias = containerName("mcp-", definition);
  const limits = planLimits(definition, options);
  const tools = visibleTools(definition, options);
  const egress =
    options.egress ?? (typeof definition.egress === "function" ? definition.egress(options) : definition.egress);
  const bases = definition.baseImages.map((base) => [`${base.toUpperCase()}_IMAGE`, config.images[base]] as const);
  return {
    name: definition.name,
    description: definition.description,
    containerName: name,
    alias,
    image: planImage(
      config.prefix,
      definition.name,
      `images/${definition.name}`,
      { BRIDGE_IMAGE: bridge.name, ...Object.fromEntries(bases) },
      context,
    ),
    network: {
      name: `${config.prefix}${definition.name}`,
      // Without address translation, packets of the server leave the host with an address that nobody answers to,
      // while the host's published port still reaches it; on an `internal` network that port would not exist.
      options:
        egress === "none" && !leavesItsNetworks(backends, config)
          ? { "com.docker.network.bridge.enable_ip_masquerade": "false" }
          : {},
    },
    user: options.user ?? `${definition.uid}:${definition.uid}`,
    command,
    envs: {
      ...envs,
      ...Object.assign({}, ...backends.map((use) => clientEnvs(use, config.backends))),
      ...(definition.asksOthers && { MCP_SERVICES: JSON.stringify(serviceUrls(serverNames(config))) }),
      ...planBridgeEnvs(server, config, { alias, name, maxSessions: limits.maxSessions }),
    },
    labels: planLabels(definition, tools),
    mounts: mounts.map(({ source, target, writable }) => ({
      source: resolve(context.root, source),
      target,
      readOnly: !writable,
    })),
    volumes: volumes.map(({ name: key, target }) => ({
      key,
      name: `${config.prefix}${definition.name}-${key}`,
      target,
    })),
    tmpSize,
    shmSize: specifics.shmSize,
    seccomp: specifics.seccomp,
    backends,
    externalNetworks: clientNetworks(backends, config.backends),
    limits,
    healthInterval: goDuration(config.healthInterval),
    published: options.publish ? { ip: config.bindAddress, port: options.port } : undefined,
    asksOthers: definition.asksOthers ?? false,
    tools,
    requestTimeout: options.requestTimeout,
    secretEnvs: server.secretEnvs,
  };
}
