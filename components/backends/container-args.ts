import type * as docker from "@pulumi/docker";
import type * as pulumi from "@pulumi/pulumi";
import { hardened, logging, supervised, tmpfs } from "../container-args.ts";
import type { BackendContainerPlan } from "./plan.ts";

/** Processes and threads of a backend at once: far beyond what one needs, and an end to a storm of them. */
const processes = 512;

/** Container inputs of a backend's plan: all but image, networks and environment. */
export function backendContainerArgs(plan: BackendContainerPlan, volume: pulumi.Input<string> | undefined) {
  return {
    name: plan.name,
    command: [...plan.command],
    labels: Object.entries(plan.labels).map(([label, value]) => ({ label, value })),
    mounts: [
      ...(plan.volume && volume !== undefined ? [{ type: "volume", source: volume, target: plan.volume.target }] : []),
      ...plan.mounts.map((mount) => ({ type: "bind", ...mount })),
      tmpfs("/tmp", 64),
      ...plan.tmpfs.map(({ target, mebibytes }) => tmpfs(target, mebibytes)),
    ],
    ...supervised({ tests: plan.healthcheck, interval: plan.healthInterval, stopSeconds: plan.stopSeconds }),
    ...(plan.shmSize !== undefined && { shmSize: plan.shmSize }),
    ...hardened({ user: plan.user, memory: plan.memory, processes }),
    ...logging,
  } satisfies Partial<docker.ContainerArgs>;
}
