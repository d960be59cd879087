/** The stand-ins that the engine builds on another one: all but Debian's. */
import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type Docker from "dockerode";
import { nodeBinary } from "../cli/paths.ts";
import { SetupError, type Step } from "../cli/progress.ts";
import { runLogged } from "../cli/run.ts";
import { follow } from "./engine-stream.ts";
import { type BaseImageName, baseOf, dockerfileOf, labelsOf, standInImages } from "./image-recipe.ts";
import { provideLoki } from "./loki.ts";
import { type HostFacts, NPM_VERSION } from "./stand-ins.ts";
import { makeWorkFolder, removeWorkFolder } from "./work-folder.ts";

type AddFiles = (context: string, facts: HostFacts, cache: string, step: Step) => Promise<void> | void;

/** The files that a Dockerfile copies, for the stand-ins that have some. */
const contextFiles: Partial<Record<BaseImageName, AddFiles>> = {
  node: addNode,
  python: addPipConfiguration,
  loki: addLoki,
};

/** Makes a stand-in; the engine gives the name when the build is complete. */
export async function makeDerivedImage(
  docker: Docker,
  name: BaseImageName,
  facts: HostFacts,
  cache: string,
  step: Step,
): Promise<void> {
  const context = makeWorkFolder(cache, name);
  try {
    step.say(`building ${standInImages[name]} on ${standInImages[baseOf(name) ?? "debian"]}`);
    writeFileSync(join(context, "Dockerfile"), dockerfileOf(name, facts));
    await contextFiles[name]?.(context, facts, cache, step);
    const labels = labelsOf(name, facts, new Date().toISOString());
    const files = { context, src: readdirSync(context) };
    const stream = await docker.buildImage(files, { t: standInImages[name], labels, forcerm: true });
    await follow(docker, stream, step).catch((error: Error) => {
      throw new SetupError(`building ${standInImages[name]} failed`, {
        logTail: error.message.split("\n"),
        remedy: "can containers reach the package mirrors? (docker run --rm mcp-airgap/debian:13 apt-get update)",
      });
    });
  } finally {
    await removeWorkFolder(context);
  }
}

/** Node is the binary of this clone's `node` package; npm comes from the registry, as the host's npm reaches it. */
async function addNode(context: string, facts: HostFacts, cache: string, step: Step): Promise<void> {
  copyFileSync(nodeBinary, join(context, "node"));
  const logFile = join(cache, "logs", "node-image.log");
  const npm = process.env.npm_execpath;
  const pack = ["pack", `npm@${NPM_VERSION}`, "--silent", "--pack-destination", context];
  const [command, args] = npm?.endsWith(".js") ? [process.execPath, [npm, ...pack]] : ["npm", pack];
  await runLogged(step, command, args, { logFile, cwd: context, remedy: "is the npm registry reachable? (npm ping)" });
  mkdirSync(join(context, "npm"));
  const archive = join(context, `npm-${NPM_VERSION}.tgz`);
  await runLogged(step, "tar", ["-xzf", archive, "--strip-components=1", "-C", join(context, "npm")], { logFile });
  rmSync(archive);
  if (facts.npmRegistry !== undefined) writeFileSync(join(context, "npmrc"), `registry=${facts.npmRegistry}\n`);
}

function addPipConfiguration(context: string, { pipIndex }: HostFacts): void {
  if (pipIndex !== undefined) writeFileSync(join(context, "pip.conf"), `[global]\nindex-url = ${pipIndex}\n`);
}

async function addLoki(context: string, _facts: HostFacts, cache: string, step: Step): Promise<void> {
  copyFileSync(await provideLoki(step, cache), join(context, "loki"));
}
