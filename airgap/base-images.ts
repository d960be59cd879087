/** Base images: the official ones where they are here or a registry answers, else stand-ins made on this host. */
import { arch } from "node:os";
import type Docker from "dockerode";
import { nodeBinary } from "../cli/paths.ts";
import { SetupError, type Step } from "../cli/progress.ts";
import { ask } from "../cli/run.ts";
import { canInstallHere, hostMirrors } from "./apt.ts";
import { hostCertificates } from "./certificates.ts";
import { makeDebianImage } from "./debian-image.ts";
import { makeDerivedImage } from "./derived-images.ts";
import { follow } from "./engine-stream.ts";
import {
  type BaseImageName,
  baseImageNames,
  baseOf,
  officialImages,
  RECIPE_LABEL,
  recipeOf,
  standInImages,
} from "./image-recipe.ts";
import type { HostFacts } from "./stand-ins.ts";

/** How long a registry may take to answer; one that does has no limit for its layers. */
const ANSWER_MS = 10_000;

/** What is to be used for a base image. */
export type BaseImageChoice =
  | { use: "configured"; image: string }
  | { use: "official"; image: string }
  | { use: "stand-in"; image: string; build: boolean };

/** What is known about a base image when the choice is made. */
export interface BaseImageFacts {
  /** From the stack's `mcp:images`. */
  configured: string | undefined;
  /** The official image is on the engine, or a registry gave it. */
  official: boolean;
  /** The recipe label of the stand-in on the engine, if there is one. */
  standInRecipe: string | undefined;
  /** The recipe that a stand-in would be made by now. */
  recipe: string;
}

/** Config wins over the official image, that wins over a stand-in; a stand-in of another recipe is made anew. */
export function chooseBaseImage(name: BaseImageName, facts: BaseImageFacts): BaseImageChoice {
  const standIn = standInImages[name];
  if (facts.configured !== undefined && facts.configured !== standIn) {
    return { use: "configured", image: facts.configured };
  }
  if (facts.configured === undefined && facts.official) return { use: "official", image: officialImages[name] };
  return { use: "stand-in", image: standIn, build: facts.standInRecipe !== facts.recipe };
}

/** Options of {@link provideBaseImages}. */
export interface BaseImageOptions {
  docker: Docker;
  step: Step;
  cache: string;
  /** The stack's `mcp:images`. */
  configured: Partial<Record<BaseImageName, string>>;
  /** False forbids stand-ins, as installing is forbidden. */
  install: boolean;
  /** The base images that are needed. Default: all. */
  names?: readonly BaseImageName[];
}

/** Sees to it that the base images are there; resolves to the overrides that `mcp:images` then needs. */
export async function provideBaseImages(options: BaseImageOptions): Promise<Partial<Record<BaseImageName, string>>> {
  const { docker, step } = options;
  const overrides: Partial<Record<BaseImageName, string>> = {};
  // Asked only when a stand-in is in question: it takes a second.
  let asked: HostFacts | undefined;
  let silent: string | undefined;
  for (const name of baseImageNames) {
    if (options.names?.includes(name) === false) continue;
    const configured = options.configured[name];
    let official = false;
    if (configured === undefined) {
      official = (await labelsOn(docker, officialImages[name])) !== undefined;
      // One registry serves them all: when it does not answer once, the others need not wait for it again.
      if (!official && silent === undefined) {
        silent = await pull(docker, officialImages[name], step);
        official = silent === undefined;
      }
    }
    if (official || (configured !== undefined && configured !== standInImages[name])) continue;
    asked ??= await hostFacts();
    const host = asked;
    const standInRecipe = (await labelsOn(docker, standInImages[name]))?.[RECIPE_LABEL];
    const choice = chooseBaseImage(name, { configured, official, standInRecipe, recipe: recipeOf(name, host) });
    if (choice.use !== "stand-in") continue;
    if (choice.build) {
      requireMeans(name, silent, options.install);
      step.say(`no registry gives ${officialImages[name]} (${silent ?? "mcp:images names the stand-in"})`);
      await makeStandIn(name, host, options);
    }
    overrides[name] = choice.image;
  }
  return overrides;
}

/** Makes a stand-in, and before it the one that it is built on, when that is not there as it should be. */
async function makeStandIn(name: BaseImageName, host: HostFacts, options: BaseImageOptions): Promise<void> {
  const { docker, cache, step } = options;
  const on = baseOf(name);
  const replaced = await imageId(docker, standInImages[name]);
  if (on === undefined) await makeDebianImage(docker, host, cache, step);
  else {
    const below = (await labelsOn(docker, standInImages[on]))?.[RECIPE_LABEL];
    if (below !== recipeOf(on, host)) await makeStandIn(on, host, options);
    await makeDerivedImage(docker, name, host, cache, step);
  }
  if (replaced !== undefined) await removeUnused(docker, replaced);
}

/** What this host decides about its stand-ins. */
export async function hostFacts(): Promise<HostFacts> {
  const mirrors = await hostMirrors();
  const [registry, pip, node, go] = await Promise.all([
    ask("npm", ["config", "get", "registry"]),
    ask("pip", ["config", "list"]),
    ask(nodeBinary, ["--version"]),
    ask("go", ["env", "-json", "GOPROXY", "GOSUMDB"]),
  ]);
  return {
    mirror: mirrors.main ?? "http://deb.debian.org/debian",
    security: mirrors.security ?? "http://deb.debian.org/debian-security",
    certificates: hostCertificates(),
    npmRegistry: otherIndex(registry.stdout, "https://registry.npmjs.org"),
    pipIndex: otherIndex(/index-url='([^']+)'/.exec(pip.stdout)?.[1] ?? "", "https://pypi.org/simple"),
    goEnvironment: otherGoEnvironment(go.ok ? go.stdout : "{}", process.env),
    nodeVersion: node.stdout.trim().replace(/^v/, ""),
    arch: arch(),
  };
}

/**
 * The address of a package index when it is another than the public one. An address that carries a user or password
 * is left out: everybody who can read the image could read it.
 */
export function otherIndex(address: string, usual: string): string | undefined {
  const trimmed = address.trim().replace(/\/+$/, "");
  if (trimmed === usual || !URL.canParse(trimmed)) return undefined;
  const url = new URL(trimmed);
  return url.username || url.password || !/^https?:$/.test(url.protocol) ? undefined : `${trimmed}/`;
}

/** What Go itself goes by where nothing else is said. */
const usualGo: Readonly<Record<string, string>> = {
  GOPROXY: "https://proxy.golang.org,direct",
  GOSUMDB: "sum.golang.org",
};

/**
 * Go's settings when they are others than the usual ones: from `go env -json`, or from the environment of a host
 * without Go. One that carries a user or password is left out, as in {@link otherIndex}.
 */
export function otherGoEnvironment(json: string, env: NodeJS.ProcessEnv): Record<string, string> {
  const said: Record<string, string | undefined> = { ...env, ...JSON.parse(json) };
  return Object.fromEntries(
    Object.entries(usualGo).flatMap(([name, usual]) => {
      const value = said[name] ?? "";
      return value === "" || value === usual || /[\s@]|file:/.test(value) ? [] : [[name, value]];
    }),
  );
}

/** The labels of an image on the engine; undefined when it is not there. */
export async function labelsOn(docker: Docker, image: string): Promise<Record<string, string> | undefined> {
  try {
    return (await docker.getImage(image).inspect()).Config.Labels ?? {};
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return undefined;
    throw error;
  }
}

async function imageId(docker: Docker, image: string): Promise<string | undefined> {
  return (await docker.listImages({ filters: { reference: [image] } }))[0]?.Id;
}

/** Removes what a newer stand-in replaced, unless a container or another image still needs it. */
async function removeUnused(docker: Docker, id: string): Promise<void> {
  await docker
    .getImage(id)
    .remove()
    .catch((error: { statusCode?: number }) => {
      if (error.statusCode !== 404 && error.statusCode !== 409) throw error;
    });
}

/** Pulls an image; resolves to why it cannot be had, or undefined when it is there. */
async function pull(docker: Docker, image: string, step: Step): Promise<string | undefined> {
  step.tail(`asking a registry for ${image}`);
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), ANSWER_MS);
  try {
    const stream = await docker.pull(image, { abortSignal: silence.signal });
    clearTimeout(timer);
    step.say(`pulling ${image}`);
    await follow(docker, stream, step);
    return undefined;
  } catch (error) {
    if (silence.signal.aborted) return `no answer within ${ANSWER_MS / 1000} s`;
    return firstReason(error instanceof Error ? error.message : String(error));
  } finally {
    clearTimeout(timer);
  }
}

/** The part of an engine's message that says why. */
function firstReason(message: string): string {
  return (
    message
      .trim()
      .split("\n")
      .at(-1)
      ?.replace(/^.*?server error - /, "")
      .trim() || "no reason given"
  );
}

function requireMeans(name: BaseImageName, reason: string | undefined, install: boolean): void {
  if (install && canInstallHere()) return;
  const why = install ? "stand-ins need root on Debian or Ubuntu" : "--no-install forbids making a stand-in";
  throw new SetupError(`base image ${officialImages[name]}: no registry gives it (${reason ?? "?"}), and ${why}`, {
    remedy: `name an image that this engine can pull: npm run pulumi -- config set --path 'mcp:images.${name}' <image>`,
  });
}
