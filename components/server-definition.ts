import type { z } from "zod";
import type { BaseImageName } from "../config/schema.ts";
import type { BackendUse } from "./backends/definition.ts";

/** A folder of the host inside a server's container. */
export interface BindMount {
  readonly source: string;
  readonly target: string;
  readonly writable: boolean;
}

/** A secret of a server, set with `pulumi config set --secret --path mcp:secrets.<server>.<key>`. */
export interface ServerSecret<Options> {
  readonly key: string;
  /** The environment variable that carries it into the container. */
  readonly env: string;
  /** Where a user gets one: the remedy that the error shows. */
  readonly remedy: string;
  /** Options that call for it; without them it is not handed over either. Default: any. */
  readonly neededFor?: (options: Options) => boolean;
  /** What comes of it when it is missing: an error, or the server is left out with a word that says so. Default: error. */
  readonly ifMissing?: "error" | "leave out";
}

/** What a server's own options ask of its container, beyond what every server has. */
export interface ServerSpecifics {
  /** Arguments after the command that the image's entry point runs. Default: the image's own. */
  readonly command?: readonly string[];
  readonly envs?: Readonly<Record<string, string>>;
  readonly mounts?: readonly BindMount[];
  /** Volumes of its own, by the last part of their names; they outlive the container and the stack. */
  readonly volumes?: readonly { readonly name: string; readonly target: string }[];
  /** `/tmp`, in MiB, counted in the memory limit as far as it is used. Default: 64. */
  readonly tmpSize?: number;
  /** `/dev/shm`, in MiB. Default: the engine's 64. */
  readonly shmSize?: number;
  /** Profile of the system calls that there are, as JSON, in place of the engine's own. */
  readonly seccomp?: string;
  /** Backends that it uses, each with what it needs there. */
  readonly backends?: readonly BackendUse[];
}

/** Whether a server may open connections of its own: to nobody, or to the web. */
export type Egress = "none" | "web";

/**
 * One entry of the catalogue: what makes this server different from the others, and nothing that all have in common.
 * A new server is one file with one of these, one folder under `images/`, and one line in `catalogue.ts`.
 */
export interface ServerDefinition<Options extends z.ZodRawShape = z.ZodRawShape> {
  /** Key under `mcp:servers`, folder under `images/`, and value of the label `com.mcp.type`. */
  readonly name: string;
  readonly description: string;
  /** Default host port. */
  readonly port: number;
  /** Default name of the container after the stack's prefix. Default: `name`. */
  readonly containerSuffix?: string;
  /** Numeric user in the container; each server has its own, since the engine counts processes per user. */
  readonly uid: number;
  /** What one session of it takes, measured with a margin; the limits of a container follow from it. */
  readonly session: {
    /** MiB. */
    readonly memory: number;
    /** Processes and threads. */
    readonly processes: number;
  };
  /** What it takes beside the bridge however many sessions there are: for a server in the bridge's own process. */
  readonly base?: {
    /** MiB. */
    readonly memory: number;
    readonly processes: number;
  };
  /** Sessions at once when nothing is said. Default: 32. */
  readonly sessions?: number;
  readonly egress: Egress | ((options: z.output<z.ZodObject<Options>>) => Egress);
  /** Every tool that the pinned version offers, by name; the label `com.mcp.tools` counts those that clients see. */
  readonly tools: readonly string[];
  /** Those of them that the server itself offers with these options. Default: all. */
  readonly offeredTools?: (options: z.output<z.ZodObject<Options>>) => readonly string[];
  /** Labels beyond `com.mcp.type` and `com.mcp.tools`. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Base images that the Dockerfile takes as build arguments, beside the bridge's. */
  readonly baseImages: readonly BaseImageName[];
  /** Whether it asks the other servers how they are; it gets their URLs as `MCP_SERVICES`, by way of the gateway. */
  readonly asksOthers?: boolean;
  /** Client capabilities that this server must not see, because it would act on them beyond its configuration. */
  readonly stripClientCapabilities?: readonly string[];
  readonly secrets?: readonly ServerSecret<z.output<z.ZodObject<Options>>>[];
  /** Options of this server alone, beside those of every server. */
  readonly options: Options;
  readonly specifics: (options: z.output<z.ZodObject<Options>>) => ServerSpecifics;
}

/** Checks a definition's types where it is written, then forgets its options' type so that a catalogue can list it. */
export function defineServer<const Options extends z.ZodRawShape>(
  definition: ServerDefinition<Options>,
): ServerDefinition {
  return definition as unknown as ServerDefinition;
}

/** Usual name of a server's container. */
export const containerName = (prefix: string, definition: ServerDefinition) =>
  `${prefix}${definition.containerSuffix ?? definition.name}`;

/** Tools that clients see: what the server offers with these options, less what is not allowed. */
export const visibleTools = (
  { tools, offeredTools }: ServerDefinition,
  options: Record<string, unknown> & { readonly allowedTools?: readonly string[] | undefined },
): readonly string[] =>
  (offeredTools?.(options) ?? tools).filter((tool) => options.allowedTools?.includes(tool) ?? true);

/** Name of the gateway on the networks of the servers. */
export const gatewayName = "mcp-gateway";
