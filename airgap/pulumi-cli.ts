/** The Pulumi CLI: the user's, else the official download, else built from its Go modules. */
import { renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { localFolder } from "../cli/paths.ts";
import { atLeast, findProgram, isExecutable, pathWithout } from "../cli/programs.ts";
import { SetupError, type Step } from "../cli/progress.ts";
import { ask } from "../cli/run.ts";
import {
  buildGoProgram,
  builtProgram,
  type GoProgram,
  goLack,
  goVersion,
  installGo,
  pinnedVersion,
} from "./go-program.ts";
import { makeWorkFolder, removeWorkFolder } from "./work-folder.ts";

/** The CLI itself. The Automation API refuses one that does not say its version. */
const cli: GoProgram = {
  name: "pulumi",
  folder: "pulumi-cli",
  module: "github.com/pulumi/pulumi/pkg/v3",
  package: "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
  stamp: {
    variable: "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version",
    value: (version) => `v${version}`,
  },
  versionOf,
};

/** The version that go.mod pins; downloads use the same one, and an older CLI on PATH is not used. */
export const pinnedCliVersion = (goMod?: string) => pinnedVersion(cli, goMod);

/** What was found. */
export interface CliFacts {
  /** The version that is wanted at least. */
  wanted: string;
  /** `pulumi` on PATH. */
  onPath: { path: string; version: string } | undefined;
  /** Executables in the cache, from an earlier run. */
  downloaded: string | undefined;
  built: string | undefined;
  /** Whether Pulumi's download site answers. */
  reachable: boolean;
  /** What `go env GOVERSION` says. */
  go: string | undefined;
  /** False forbids to download and build. */
  install: boolean;
}

export type CliDecision =
  | { use: "path" | "downloaded" | "built"; path: string }
  | { use: "download" | "build"; why: string }
  | { use: "none"; message: string; remedy: string };

/** The normal way first; what an earlier run left is as good as new. */
export function decideCli(facts: CliFacts): CliDecision {
  const { wanted, onPath } = facts;
  if (onPath !== undefined && atLeast(onPath.version, wanted)) return { use: "path", path: onPath.path };
  if (facts.downloaded !== undefined) return { use: "downloaded", path: facts.downloaded };
  if (facts.built !== undefined) return { use: "built", path: facts.built };
  const missing =
    onPath === undefined
      ? `no Pulumi CLI ≥ ${wanted} on PATH`
      : `the Pulumi CLI on PATH (${onPath.path}) is ${onPath.version}, older than ${wanted}`;
  const install = `install Pulumi ${wanted} or newer (https://www.pulumi.com/docs/install/)`;
  if (!facts.install)
    return { use: "none", message: `${missing}, and --no-install forbids getting one`, remedy: install };
  if (facts.reachable) return { use: "download", why: missing };
  const silent = `${missing}, and get.pulumi.com does not answer`;
  const lack = goLack(facts.go);
  if (lack === undefined) return { use: "build", why: silent };
  return {
    use: "none",
    message: `${silent}; building it from its Go modules needs Go, and ${lack}`,
    remedy: `${install}; or ${installGo} and run this again; or copy a \`pulumi\` ${wanted} from another machine to a folder on PATH`,
  };
}

/** Where this user's CLIs are kept. The downloaded one is what the SDK's installer chooses: of the SDK's own version. */
function cachedCli(cache: string) {
  return {
    downloadFolder: join(cache, "pulumi-official"),
    downloaded: join(cache, "pulumi-official", "bin", "pulumi"),
    built: builtProgram(cache, cli),
  };
}

/** Finds out what {@link decideCli} needs to know; asks the network only when nothing is here. */
export async function findCli(cache: string, install: boolean): Promise<CliFacts> {
  const wanted = pinnedCliVersion();
  const places = cachedCli(cache);
  const path = findProgram("pulumi", pathWithout(process.env.PATH, join(localFolder, "bin")));
  const version = path === undefined ? undefined : await versionOf(path);
  const onPath = path === undefined || version === undefined ? undefined : { path, version };
  const usable = async (file: string) =>
    isExecutable(file) && atLeast((await versionOf(file)) ?? "", wanted) ? file : undefined;
  const downloaded = await usable(places.downloaded);
  const built = downloaded === undefined ? await usable(places.built) : undefined;
  const here = downloaded ?? built ?? (onPath && atLeast(onPath.version, wanted) ? onPath.path : undefined);
  return {
    wanted,
    onPath,
    downloaded,
    built,
    reachable: here === undefined && install && (await downloadsAnswer()),
    go: here === undefined ? await goVersion() : undefined,
    install,
  };
}

/** Sees to it that there is a CLI; resolves to its path and what to say about it. */
export async function provideCli(step: Step, cache: string, install: boolean): Promise<{ path: string; kind: string }> {
  const facts = await findCli(cache, install);
  const decision = decideCli(facts);
  switch (decision.use) {
    case "none":
      throw new SetupError(decision.message, { remedy: decision.remedy });
    case "download":
      step.say(`${decision.why}: downloading the official one`);
      return { path: await download(step, cache), kind: "official download" };
    case "build":
      step.say(`${decision.why}: building it from its Go modules (4 to 7 minutes on 2 cores, once)`);
      return { path: await buildGoProgram(step, cache, cli), kind: "built from Go modules" };
    case "path":
      return { path: decision.path, kind: "on PATH" };
    case "downloaded":
      return { path: decision.path, kind: "official download" };
    case "built":
      return { path: decision.path, kind: "built from Go modules" };
  }
}

/** Whether Pulumi's download site answers, within 3 s. */
export async function downloadsAnswer(): Promise<boolean> {
  try {
    await fetch("https://get.pulumi.com/install.sh", { method: "HEAD", signal: AbortSignal.timeout(3_000) });
    return true;
  } catch {
    return false;
  }
}

/** What `pulumi version` says, such as `v3.259.0`; undefined when it cannot be run. */
export async function versionOf(pulumi: string): Promise<string | undefined> {
  const { ok, stdout } = await ask(pulumi, ["version"], {
    env: { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "true" },
  });
  return ok ? stdout.trim() : undefined;
}

/** Pulumi's own installer, into a new folder that gets its name when it is complete. */
async function download(step: Step, cache: string): Promise<string> {
  const places = cachedCli(cache);
  const root = makeWorkFolder(cache, "pulumi-download");
  try {
    step.tail("downloading");
    // Loaded only here: it takes longer to load than most commands take to run.
    const { PulumiCommand } = await import("@pulumi/pulumi/automation/index.js");
    await PulumiCommand.install({ root });
    rmSync(places.downloadFolder, { recursive: true, force: true });
    renameSync(root, places.downloadFolder);
  } catch (error) {
    throw new SetupError(`downloading Pulumi failed: ${(error as Error).message}`, {
      remedy: "install it by hand (https://www.pulumi.com/docs/install/) and run this again",
    });
  } finally {
    await removeWorkFolder(root);
  }
  return places.downloaded;
}
