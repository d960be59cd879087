import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type Docker from "dockerode";
import { connect } from "../../airgap/docker-host.ts";
import { askEngine } from "../../airgap/engine.ts";
import { RECIPE_LABEL, standInImages } from "../../airgap/image-recipe.ts";
import { ownPulumiHome, wrapperFolder } from "../../airgap/plugins.ts";
import { clearWorkFolders } from "../../airgap/work-folder.ts";
import { passphraseFile, stateFolder } from "../backend.ts";
import type { Command } from "../command.ts";
import { takeLock } from "../lock.ts";
import { cacheFolder } from "../paths.ts";
import { createProgress, SetupError } from "../progress.ts";
import { ask } from "../run.ts";
import { stacksWithSecrets } from "../stack-file.ts";

/** A stack of this clone's own backend, and how much it has. */
export interface StackSize {
  stack: string;
  resources: number;
}

/** The number of resources in a state file of Pulumi's folder backend; the stack and its providers are none. */
export function countResources(state: unknown): number {
  const latest = (state as { checkpoint?: { latest?: { resources?: { type?: string }[] } } }).checkpoint?.latest;
  return (latest?.resources ?? []).filter(({ type }) => !type?.startsWith("pulumi:")).length;
}

/** The stacks in this clone's own backend. */
function ownStacks(folder = stateFolder): StackSize[] {
  const stacks = join(folder, ".pulumi", "stacks");
  if (!existsSync(stacks)) return [];
  return readdirSync(stacks, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".json"))
    .map((name) => ({
      stack: name.replace(/^.*\//, "").replace(/\.json$/, ""),
      resources: countResources(JSON.parse(readFileSync(join(stacks, name), "utf8"))),
    }));
}

/** Why nothing may be cleaned yet; undefined when it may. Tools and images of a stack that is up are still needed. */
export function cleanObstacle(
  stacks: readonly StackSize[],
  builtOnStandIns: readonly string[],
): SetupError | undefined {
  const up = stacks.filter(({ resources }) => resources > 0);
  if (up.length > 0) {
    const names = up.map(({ stack, resources }) => `${stack} (${resources} resources)`).join(", ");
    const commands = up.map(({ stack }) => `npm run down${stack === "dev" ? "" : ` -- --stack ${stack}`}`);
    return new SetupError(`nothing was removed: these stacks are up and need it: ${names}`, {
      remedy: `take them down first: ${commands.join("; ")}`,
    });
  }
  if (builtOnStandIns.length > 0) {
    return new SetupError(
      `nothing was removed: images on this engine are built on ours: ${builtOnStandIns.join(", ")}`,
      {
        remedy: "take down the stacks that made them (npm run down in their clones), or remove those images",
      },
    );
  }
  return undefined;
}

/** Why the passphrase may not go yet: values in these stacks' files are encrypted with it. */
export function passphraseObstacle(stacks: readonly string[]): SetupError | undefined {
  if (stacks.length === 0) return undefined;
  const files = stacks.map((stack) => `Pulumi.${stack}.yaml`).join(", ");
  return new SetupError(`nothing was removed: ${files} holds secrets that can be read only with .mcp/passphrase`, {
    remedy: "run it without --state, or remove those secrets first (npm run pulumi -- config rm …)",
  });
}

/** `npm run clean`: removes the cache, the stand-in images and, only when asked to, the state. */
export const clean: Command = {
  name: "clean",
  summary: "Removes what the set-up keeps: the cache folder, the stand-in base images, this clone's wrappers.",
  options: {
    state: { type: "boolean", help: "also this clone's Pulumi state and passphrase (.mcp/); only when no stack is up" },
  },
  passes: "nothing",
  async run({ flags }) {
    const docker = connect();
    const engine = (await askEngine(docker)).version !== undefined;
    const images = engine ? await imagesOnEngine(docker) : { standIns: [], others: [] };
    const obstacle =
      cleanObstacle(ownStacks(), images.others) ??
      (flags.state && existsSync(passphraseFile) ? passphraseObstacle(stacksWithSecrets()) : undefined);
    if (obstacle) throw obstacle;
    const cache = cacheFolder();
    await createProgress().step("clean", async (step) => {
      const release = existsSync(cache) ? await takeLock(cache, step) : () => {};
      try {
        if (engine) await removeBuildCache(docker);
        for (const image of images.standIns) {
          await docker.getImage(image.name).remove();
          console.log(`removed image ${image.name} (${megabytes(image.size)})`);
        }
        if (!engine) console.log("no Docker engine answers: stand-in images, if there are any, stay");
        await clearWorkFolders(cache);
        for (const folder of [cache, wrapperFolder, ownPulumiHome]) await removeNamed(folder);
        if (flags.state) for (const path of [stateFolder, passphraseFile]) await removeNamed(path);
        else if (existsSync(stateFolder)) console.log(`kept ${stateFolder} and its passphrase (remove with --state)`);
      } finally {
        release();
      }
    });
    return 0;
  },
};

/** Our stand-ins, and the images that are built on them: those have their label from below. */
async function imagesOnEngine(docker: Docker) {
  const ours = new Set<string>(Object.values(standInImages));
  const standIns: { name: string; size: number }[] = [];
  const others: string[] = [];
  for (const image of await docker.listImages({ filters: { label: [RECIPE_LABEL] } })) {
    const names = (image.RepoTags ?? []).filter((name) => name !== "<none>:<none>");
    for (const name of names) {
      if (ours.has(name)) standIns.push({ name, size: image.Size });
      else others.push(name);
    }
  }
  return { standIns, others };
}

/** Nameless layers on our stand-ins: what the engine's builder kept of images that are gone. */
async function removeBuildCache(docker: Docker): Promise<void> {
  const { SpaceReclaimed: bytes } = await docker.pruneImages({
    filters: JSON.stringify({ dangling: { true: true }, label: { [RECIPE_LABEL]: true } }),
  });
  if (bytes > 0) console.log(`removed layers that builds had left (${megabytes(bytes)})`);
}

async function removeNamed(path: string): Promise<void> {
  if (!existsSync(path)) return;
  const { stdout } = await ask("du", ["-sm", path]);
  rmSync(path, { recursive: true, force: true });
  console.log(`removed ${path} (${stdout.split("\t")[0] ?? "?"} MB)`);
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}
