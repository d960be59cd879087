import type * as docker from "@pulumi/docker";
import type * as pulumi from "@pulumi/pulumi";
import { hardened, logging } from "../container-args.ts";
import type { BackendContainerPlan } from "./plan.ts";

const mebibyte = 1024 * 1024;

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
      ...[{ target: "/tmp", mebibytes: 64 }, ...plan.tmpfs].map(({ target, mebibytes }) => ({
        type: "tmpfs",
        target,
        tmpfsOptions: { sizeBytes: mebibytes * mebibyte, mode: 0o1777 },
      })),
    ],
    healthcheck: {
      tests: [...plan.healthcheck],
      interval: plan.healthInterval,
      timeout: "10s",
      retries: 3,
      startPeriod: "30s",
    },
    ...(plan.shmSize !== undefined && { shmSize: plan.shmSize }),
    stopTimeout: plan.stopSeconds,
    destroyGraceSeconds: plan.stopSeconds,
    wait: true,
    waitTimeout: 180,
    ...hardened({ user: plan.user, memory: plan.memory, processes }),
    ...logging,
  } satisfies Partial<docker.ContainerArgs>;
}
