import type { z } from "zod";
import type { BaseImageName } from "../../config/schema.ts";
import type { BindMount } from "../server-definition.ts";

/** A store or a source of data that servers use: run by this stack, or already there. */
export type BackendName = "postgres" | "timescaledb" | "loki" | "netdata";

/** A database that a server uses; made where it is missing, never taken away. */
export interface DatabaseNeed {
  readonly name: string;
  /** Whether the server's role owns it, as one that keeps its own tables there must. Default: it only connects. */
  readonly owned?: boolean;
  readonly extensions?: readonly string[];
}

/** What a server needs of a database backend: a role of its own, with what it may do and no more. */
export interface DatabaseUse {
  readonly backend: "postgres" | "timescaledb";
  readonly role: string;
  /** Roles whose rights it has, e.g. `pg_read_all_data`. */
  readonly memberOf?: readonly string[];
  /** Settings of its sessions, e.g. `statement_timeout`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** The first one is `PGDATABASE`. */
  readonly databases: readonly [DatabaseNeed, ...DatabaseNeed[]];
}

/** What a server needs of a backend that it only asks by HTTP. */
export interface HttpUse {
  readonly backend: "loki" | "netdata";
}

export type BackendUse = DatabaseUse | HttpUse;

/** What a backend's container is told beyond its own options. */
export interface BackendFacts {
  /** Memory limit in MiB. */
  readonly memory: number;
}

/** One kind of backend: what makes it different from the others. */
export interface BackendDefinition<Options extends z.ZodRawShape = z.ZodRawShape> {
  /** Key under `mcp:backends`, and the name under which its clients find it. */
  readonly name: BackendName;
  readonly description: string;
  /** How clients speak to it. */
  readonly protocol: "postgres" | "http";
  readonly port: number;
  /** Folder of the build, relative to the project's. */
  readonly context: string;
  /** Base image that the Dockerfile takes as `BASE_IMAGE`. */
  readonly baseImage: BaseImageName;
  /** User of the processes, known in the image. */
  readonly user: string;
  /** Where it keeps what must outlive the container; a volume. */
  readonly dataTarget?: string;
  /** Folders that it writes and that need not last, beside `/tmp`. */
  readonly tmpfs?: readonly { readonly target: string; readonly mebibytes: number }[];
  /** Folders of the host that it reads. */
  readonly mounts?: readonly BindMount[];
  /** Default memory limit in MiB. */
  readonly memory: number;
  /** `/dev/shm`, in MiB. Default: the engine's 64. */
  readonly shmSize?: number;
  readonly command?: readonly string[];
  /** Exits with 0 when it serves. */
  readonly healthcheck: readonly string[];
  /** Time in seconds that it has to end by itself. */
  readonly stopSeconds: number;
  /** Secrets that its clients present to an existing one; each is optional. */
  readonly clientSecrets?: readonly { readonly key: string; readonly env: string }[];
  /** Options of this backend alone, when it is managed. */
  readonly options: Options;
  readonly envs?: (options: z.output<z.ZodObject<Options>>, facts: BackendFacts) => Readonly<Record<string, string>>;
}

/** Checks a definition's types where it is written, then forgets its options' type so that a catalogue can list it. */
export function defineBackend<const Options extends z.ZodRawShape>(
  definition: BackendDefinition<Options>,
): BackendDefinition {
  return definition as unknown as BackendDefinition;
}
