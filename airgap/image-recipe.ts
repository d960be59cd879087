/** What the stand-in base images are made of, as plain data: names, labels, Dockerfiles, and a digest to know them by. */
import { createHash } from "node:crypto";
import { type BaseImageName, defaultBaseImages } from "../config/schema.ts";
import { type HostFacts, SUITE, standIns } from "./stand-ins.ts";

export type { BaseImageName };

/** Every base image; one comes after those that its stand-in is built on. */
export const baseImageNames = Object.keys(standIns) as BaseImageName[];

/** The images that the normal way uses, from Docker Hub. */
export const officialImages: Readonly<Record<BaseImageName, string>> = defaultBaseImages;

/** The names of the stand-ins. */
export const standInImages = Object.fromEntries(baseImageNames.map((name) => [name, standIns[name].image])) as Readonly<
  Record<BaseImageName, string>
>;

/** Label by which a stand-in is known to be ours and made by this very recipe. */
export const RECIPE_LABEL = "com.mcp.airgap.recipe";

/** Raised when the steps in debian-image.ts change in a way that the facts below do not show. */
const REVISION = 1;

/** The stand-in that another one is built on. */
export const baseOf = (name: BaseImageName): BaseImageName | undefined => standIns[name].on;

/** A digest of all that decides what is in the image. Images further up contain what is below them. */
export function recipeOf(name: BaseImageName, facts: HostFacts): string {
  const { on, inputs } = standIns[name];
  const debian = [REVISION, SUITE, facts.mirror, facts.security, facts.certificates, facts.arch];
  const own = on === undefined ? [] : [dockerfileOf(name, facts), ...(inputs?.(facts) ?? [])];
  const below = on === undefined || on === "debian" ? [] : [recipeOf(on, facts)];
  return createHash("sha256")
    .update(JSON.stringify([debian, own, ...below]))
    .digest("hex")
    .slice(0, 16);
}

/** Labels of a stand-in; they say plainly that it is none of the official images. */
export function labelsOf(name: BaseImageName, facts: HostFacts, created: string): Record<string, string> {
  const { image, on, content } = standIns[name];
  const made = on === undefined ? "made on this host with debootstrap" : `on ${standInImages[on]}`;
  return {
    "org.opencontainers.image.title": image,
    "org.opencontainers.image.description": `Stand-in for ${officialImages[name]} where no image registry answers: ${content(facts)} ${made}`,
    "org.opencontainers.image.created": created,
    [RECIPE_LABEL]: recipeOf(name, facts),
  };
}

/** How an image on top of another stand-in is built. */
export function dockerfileOf(name: BaseImageName, facts: HostFacts): string {
  const { on, lines } = standIns[name];
  if (on === undefined) throw new Error(`${name} is made with debootstrap, not from a Dockerfile`);
  return `${[`FROM ${standInImages[on]}`, ...lines(facts)].join("\n")}\n`;
}
