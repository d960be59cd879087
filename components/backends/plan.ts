import type { BackendOptions } from "../../config/backend-schema.ts";
import type { StackConfig } from "../../config.ts";
import { goDuration, type ImagePlan, type PlanContext, planImage, type ServerPlan } from "../plan.ts";
import { backendCatalogue } from "./catalogue.ts";
import { optionsOf } from "./connection.ts";
import type { BackendDefinition, BackendName, BackendUse } from "./definition.ts";

/** A server that uses a backend. */
export interface BackendClient {
  readonly server: string;
  readonly use: BackendUse;
}

/** A container that the stack makes for a backend. */
export interface BackendContainerPlan {
  readonly name: string;
  readonly image: ImagePlan;
  readonly user: string;
  readonly command: readonly string[];
  readonly envs: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Volume of its data: its name and where it is seen. */
  readonly volume: { readonly name: string; readonly target: string } | undefined;
  readonly mounts: readonly { source: string; target: string; readOnly: boolean }[];
  readonly tmpfs: readonly { readonly target: string; readonly mebibytes: number }[];
  /** MiB. */
  readonly memory: number;
  readonly shmSize: number | undefined;
  readonly healthcheck: readonly string[];
  readonly healthInterval: string;
  readonly stopSeconds: number;
  /** Networks by name that are not of this stack. */
  readonly externalNetworks: readonly string[];
  /** Whether it joins the networks of its clients, under the backend's name. */
  readonly joinsClients: boolean;
}

/** All facts of one backend. */
export interface BackendPlan {
  readonly name: BackendName;
  readonly clients: readonly BackendClient[];
  /** What is to run: the backend itself, or what sets up an existing one; nothing where all is there. */
  readonly container: BackendContainerPlan | undefined;
  /** Whether the stack runs it; otherwise it is there. */
  readonly managed: boolean;
  /** Whether roles and databases are made: by the backend itself, or over the network. */
  readonly bootstraps: boolean;
  /** Passwords and tokens that the configuration gives, by key. */
  readonly secrets: StackConfig["backendSecrets"][string];
}

/** Memory that the container takes which sets up an existing server: a shell that waits. */
const bootstrapMemory = 64;

function planManaged(
  definition: BackendDefinition,
  options: BackendOptions,
  config: StackConfig,
  context: PlanContext,
): BackendContainerPlan {
  const { name, envs } = definition;
  return {
    ...planCommon(definition, config, context),
    name: `${config.prefix}backend-${name}`,
    command: definition.command ?? [],
    envs: envs?.(options as never, { memory: options.memory }) ?? {},
    volume: definition.dataTarget
      ? { name: `${config.prefix}backend-${name}-data`, target: definition.dataTarget }
      : undefined,
    mounts: (definition.mounts ?? []).map(({ source, target, writable }) => ({ source, target, readOnly: !writable })),
    tmpfs: definition.tmpfs ?? [],
    memory: options.memory,
    shmSize: definition.shmSize,
    stopSeconds: definition.stopSeconds,
    externalNetworks: [],
    joinsClients: true,
  };
}

/** An existing database server that is told by an administrator's role what its clients need. */
function planBootstrap(
  definition: BackendDefinition,
  options: BackendOptions,
  config: StackConfig,
  context: PlanContext,
): BackendContainerPlan {
  return {
    ...planCommon(definition, config, context),
    name: `${config.prefix}bootstrap-${definition.name}`,
    command: ["bootstrap"],
    envs: {
      PGHOST: options.host ?? definition.name,
      PGPORT: String(options.port ?? definition.port),
      PGUSER: options.adminUser ?? "",
      PGDATABASE: "postgres",
    },
    volume: undefined,
    mounts: [],
    tmpfs: definition.tmpfs ?? [],
    memory: bootstrapMemory,
    shmSize: undefined,
    stopSeconds: 5,
    externalNetworks: options.network === undefined ? [] : [options.network],
    joinsClients: false,
  };
}

const planCommon = (definition: BackendDefinition, config: StackConfig, context: PlanContext) => ({
  image: planImage(
    config.prefix,
    `backend-${definition.name}`,
    definition.context,
    { BASE_IMAGE: config.images[definition.baseImage] },
    context,
  ),
  user: definition.user,
  labels: { "com.mcp.type": definition.name, "com.mcp.role": "backend" },
  healthcheck: definition.healthcheck,
  healthInterval: goDuration(config.healthInterval),
});

/** Plans the backends that the servers of this stack use, and no other. */
export function planBackends(servers: readonly ServerPlan[], config: StackConfig, context: PlanContext): BackendPlan[] {
  return backendCatalogue.flatMap((definition) => {
    const clients = servers.flatMap(({ name, backends }) =>
      backends.filter(({ backend }) => backend === definition.name).map((use) => ({ server: name, use })),
    );
    if (clients.length === 0) return [];
    const options = optionsOf(config.backends, definition.name);
    const managed = options.mode === "managed";
    const bootstraps = definition.protocol === "postgres" && (managed || options.adminUser !== undefined);
    const plan = managed ? planManaged : bootstraps ? planBootstrap : undefined;
    return [
      {
        name: definition.name,
        clients,
        container: plan?.(definition, options, config, context),
        managed,
        bootstraps,
        secrets: config.backendSecrets[definition.name] ?? {},
      },
    ];
  });
}
