import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import type Docker from "dockerode";
import { canInstallHere } from "../../airgap/apt.ts";
import { chooseBaseImage, hostFacts, labelsOn } from "../../airgap/base-images.ts";
import { connect, resolveDockerHost } from "../../airgap/docker-host.ts";
import { askEngine } from "../../airgap/engine.ts";
import { decideEngine } from "../../airgap/engine-choice.ts";
import { goVersion } from "../../airgap/go-program.ts";
import { baseImageNames, officialImages, RECIPE_LABEL, recipeOf, standInImages } from "../../airgap/image-recipe.ts";
import { hasLanguageHost, officialPlugins, userPulumiHome } from "../../airgap/plugins.ts";
import { decideCli, downloadsAnswer, findCli, versionOf } from "../../airgap/pulumi-cli.ts";
import { chooseBackend, findBackend, passphraseFile } from "../backend.ts";
import { type Command, DEFAULT_STACK, stackOption } from "../command.ts";
import { type DoctorFacts, diagnose, healthy, renderFindings } from "../diagnosis.ts";
import { cacheFolder, projectFolder } from "../paths.ts";
import { findProgram } from "../programs.ts";
import { configuredImages } from "../stack-file.ts";
import { portFacts } from "../stack-ports.ts";

const ANSWER_MS = 10_000;

/** `npm run doctor`: what is there, what is missing, and what would be done about it. Changes nothing. */
export const doctor: Command = {
  name: "doctor",
  summary: "Says what is there, what is missing and what `up` would do about it. Changes nothing.",
  options: { ...stackOption, json: { type: "boolean", help: "findings as JSON" } },
  passes: "nothing",
  notes: ["exit code: 0 when `npm run up` would work as far as can be seen, else 1"],
  async run({ strings, flags }) {
    const findings = diagnose(await examine(strings.stack ?? DEFAULT_STACK));
    console.log(flags.json ? JSON.stringify(findings, null, 2) : renderFindings(findings));
    return healthy(findings) ? 0 : 1;
  },
};

async function examine(stack: string): Promise<DoctorFacts> {
  const docker = connect();
  const { host, source } = resolveDockerHost(process.env);
  const answer = await askEngine(docker);
  const engine = decideEngine({
    ...answer,
    address: host ?? "the default socket",
    chosenByUser: source !== "default socket",
    canInstall: canInstallHere(),
    install: true,
    daemon: findProgram("dockerd") !== undefined,
  });
  const info = answer.version === undefined ? undefined : await docker.info();
  const cli = decideCli(await findCli(cacheFolder(), true));
  const path = "path" in cli ? cli.path : undefined;
  const { official, missing } = officialPlugins();
  const names = (pins: { name: string; version: string }[]) => pins.map(({ name, version }) => `${name} ${version}`);
  return {
    node: process.version,
    packages: packagesAsLocked(),
    engine,
    engineDetails: info
      ? `API ${answer.apiVersion}, ${host ?? "default socket"}, cgroup v${info.CgroupVersion}, ${info.Driver}`
      : "",
    cli,
    cliVersion: path === undefined ? undefined : await versionOf(path),
    go: await goVersion(),
    languageHost: path !== undefined && hasLanguageHost(path),
    plugins: { official: names(official), missing: names(missing) },
    reachable: missing.length > 0 && (await downloadsAnswer()),
    canBuildImages: canInstallHere(),
    ...(info ? await examineImages(docker, stack) : { images: [], registry: undefined }),
    backend: chooseBackend(findBackend(userPulumiHome())),
    passphrase: existsSync(passphraseFile),
    disks: await examineDisks([cacheFolder(), ...(info && existsSync(info.DockerRootDir) ? [info.DockerRootDir] : [])]),
    ports: await portFacts(stack, info && docker),
  };
}

/** The same digest that cli/prepare.mjs leaves after installing. */
function packagesAsLocked(): string | undefined {
  const stamp = join(projectFolder, "node_modules", ".mcp-installed");
  const digest = createHash("sha256");
  for (const file of ["package-lock.json", "package.json"]) digest.update(readFileSync(join(projectFolder, file)));
  const same = existsSync(stamp) && readFileSync(stamp, "utf8") === digest.digest("hex");
  return same ? "as package-lock.json says" : undefined;
}

async function examineImages(docker: Docker, stack: string): Promise<Pick<DoctorFacts, "images" | "registry">> {
  const host = await hostFacts();
  const configured = configuredImages(stack);
  let registry: string | undefined;
  const images: DoctorFacts["images"] = [];
  for (const name of baseImageNames) {
    const present = (await labelsOn(docker, officialImages[name])) !== undefined;
    let official = present;
    if (!present && registry === undefined && configured[name] === undefined) {
      registry = await registryFault(docker, officialImages[name]);
      official = registry === undefined;
    }
    const standInRecipe = (await labelsOn(docker, standInImages[name]))?.[RECIPE_LABEL];
    const facts = { configured: configured[name], official, standInRecipe, recipe: recipeOf(name, host) };
    images.push({ name, official: officialImages[name], choice: chooseBaseImage(name, facts), present });
  }
  return { images, registry };
}

/** Asks the registry for an image's manifest, by way of the engine; undefined when it has it. */
async function registryFault(docker: Docker, image: string): Promise<string | undefined> {
  try {
    await docker.getImage(image).distribution({ abortSignal: AbortSignal.timeout(ANSWER_MS) });
    return undefined;
  } catch (error) {
    return (error as Error).message.replace(/^.*?server error - /s, "").trim();
  }
}

async function examineDisks(paths: string[]): Promise<{ path: string; free: number }[]> {
  const disks = new Map<string, { path: string; free: number }>();
  for (const wanted of paths) {
    let path = wanted;
    while (!existsSync(path)) path = dirname(path);
    const { bavail, bsize, type, blocks } = await statfs(path);
    // Two folders of one file system are one finding.
    disks.set(`${type}:${blocks}:${bavail}`, { path, free: bavail * bsize });
  }
  return [...disks.values()];
}
