/**
 * Things that a killed Pulumi was just making: they are on the engine but not in the state, so the next `up` would
 * fail on their names and `down` would leave them. The state names what was being made; only that is removed.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type Docker from "dockerode";
import { stateFolder } from "./backend.ts";
import type { Step } from "./progress.ts";

const CONTAINER = "docker:index/container:Container";
const NETWORK = "docker:index/network:Network";

interface Resource {
  type: string;
  id?: string;
  inputs?: { name?: unknown; image?: unknown };
}

/** What a state says about creations that were broken off. */
export interface Pending {
  containers: { name: string; image: string }[];
  networks: string[];
  /** Ids of what the state has: never to be removed. */
  known: Set<string>;
}

/** Reads the creations that were under way from a state file of Pulumi's folder backend. */
export function pendingCreations(state: unknown): Pending {
  const latest = (state as { checkpoint?: { latest?: Checkpoint } }).checkpoint?.latest ?? {};
  const creating = (latest.pending_operations ?? []).filter(({ type }) => type === "creating");
  const ofType = (type: string) =>
    creating.flatMap(({ resource }) => (resource.type === type ? [resource.inputs] : []));
  return {
    containers: ofType(CONTAINER).flatMap((inputs) =>
      typeof inputs?.name === "string" && typeof inputs.image === "string"
        ? [{ name: inputs.name, image: inputs.image }]
        : [],
    ),
    networks: ofType(NETWORK).flatMap((inputs) => (typeof inputs?.name === "string" ? [inputs.name] : [])),
    known: new Set((latest.resources ?? []).flatMap(({ id }) => (id === undefined ? [] : [id]))),
  };
}

interface Checkpoint {
  pending_operations?: { type: string; resource: Resource }[];
  resources?: Resource[];
}

/** Removes what a killed Pulumi was making for a stack of this clone's own backend. */
export async function removePending(stack: string, docker: Docker, step: Step): Promise<void> {
  const { containers, networks, known } = pendingCreations(readState(stack));
  for (const { name, image } of containers) {
    const found = await docker
      .getContainer(name)
      .inspect()
      .catch(() => undefined);
    // One of that name from another image is somebody else's.
    if (found === undefined || found.Image !== image || known.has(found.Id)) continue;
    step.say(`removing container ${name}: it was being made when Pulumi was killed`);
    await docker.getContainer(found.Id).remove({ force: true, v: true });
  }
  for (const name of networks) {
    for (const { Id, Name } of await docker.listNetworks({ filters: { name: [name] } })) {
      if (Name !== name || known.has(Id)) continue;
      step.say(`removing network ${name}: it was being made when Pulumi was killed`);
      // The engine refuses to remove one that is in use: then it is somebody's.
      await docker
        .getNetwork(Id)
        .remove()
        .catch(() => undefined);
    }
  }
}

function readState(stack: string): unknown {
  const stacks = join(stateFolder, ".pulumi", "stacks");
  if (!existsSync(stacks)) return {};
  for (const project of readdirSync(stacks)) {
    const file = join(stacks, project, `${stack.split("/").at(-1)}.json`);
    if (existsSync(file)) return JSON.parse(readFileSync(file, "utf8"));
  }
  return {};
}
