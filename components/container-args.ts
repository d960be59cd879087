import type * as docker from "@pulumi/docker";
import { containerPort, type ServerPlan } from "./plan.ts";

/** Time in seconds that a container has to end by itself: the bridge drains for 10. */
const stopSeconds = 15;

/** Labels that the engine writes beside each log line. */
const loggedLabels = "com.mcp.type,com.mcp.tools,com.mcp.capability";

/** How every container logs. */
export const logging = {
  logDriver: "json-file",
  logOpts: { "max-size": "10m", "max-file": "3", labels: loggedLabels },
};

interface Hardening {
  readonly user: string;
  /** MiB. */
  readonly memory: number;
  readonly processes: number;
  /** Profile of system calls, as JSON; undefined for the engine's own. */
  readonly seccomp?: string | undefined;
}

/** What keeps every container in its place. */
export const hardened = ({ user, memory, processes, seccomp }: Hardening) => ({
  restart: "unless-stopped",
  user,
  readOnly: true,
  init: true,
  capabilities: { drops: ["ALL"] },
  securityOpts: ["no-new-privileges", ...(seccomp === undefined ? [] : [`seccomp=${seccomp}`])],
  // Both always: without `memorySwap` the engine sets twice the memory, and each later preview shows a change.
  memory,
  memorySwap: memory,
  // The provider has no pids limit; processes are counted per user, and each server has its own.
  ulimits: [{ name: "nproc", soft: processes, hard: processes }],
});

interface Supervision {
  /** What the engine runs to ask how it is; exits with 0 when it is well. */
  readonly tests: readonly string[];
  /** Time between two questions, as the provider writes it. */
  readonly interval: string;
  /** Time in seconds that it has to end by itself. */
  readonly stopSeconds: number;
}

/** How every container is watched, waited for and ended. */
export const supervised = ({ tests, interval, stopSeconds }: Supervision) => ({
  healthcheck: { tests: [...tests], interval, timeout: "10s", retries: 3, startPeriod: "30s" },
  wait: true,
  waitTimeout: 180,
  stopTimeout: stopSeconds,
  destroyGraceSeconds: stopSeconds,
});

/** A folder in memory, which anybody in the container may write to. */
export const tmpfs = (target: string, mebibytes: number) => ({
  type: "tmpfs",
  target,
  tmpfsOptions: { sizeBytes: mebibytes * 1024 * 1024, mode: 0o1777 },
});

/** Container inputs of a plan that are the same for every server or plain: all but image, network and secrets. */
export function containerArgs(plan: ServerPlan) {
  return {
    name: plan.containerName,
    command: [...plan.command],
    labels: Object.entries(plan.labels).map(([label, value]) => ({ label, value })),
    ...(plan.shmSize !== undefined && { shmSize: plan.shmSize }),
    ports: plan.published
      ? [{ internal: containerPort, external: plan.published.port, ip: plan.published.ip, protocol: "tcp" }]
      : [],
    mounts: [
      ...plan.mounts.map((mount) => ({ type: "bind", ...mount })),
      ...plan.volumes.map(({ name, target }) => ({ type: "volume", source: name, target })),
      tmpfs("/tmp", plan.tmpSize),
    ],
    ...supervised({
      // The bridge asks itself: images carry no curl.
      tests: ["CMD", "node", "/opt/mcp-bridge/bin/mcp-bridge.ts", "health"],
      interval: plan.healthInterval,
      stopSeconds,
    }),
    ...logging,
    ...hardened({ user: plan.user, seccomp: plan.seccomp, ...plan.limits }),
  } satisfies Partial<docker.ContainerArgs>;
}

/** Inputs that the provider counts as updated in place although the engine cannot change them on a live container. */
export const replaceOnChanges = [
  "healthcheck",
  "init",
  "tmpfs",
  "deviceReadBps",
  "deviceReadIops",
  "deviceWriteBps",
  "deviceWriteIops",
];
