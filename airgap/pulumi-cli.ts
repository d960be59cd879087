/** The Pulumi CLI: the user's, else the official download, else built from its Go modules. */
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { localFolder, projectFolder } from "../cli/paths.ts";
import { atLeast, findProgram, isExecutable, pathWithout } from "../cli/programs.ts";
import { SetupError, type Step } from "../cli/progress.ts";
import { ask, runLogged } from "../cli/run.ts";
import { makeWorkFolder, removeWorkFolder } from "./work-folder.ts";

const MODULE = "github.com/pulumi/pulumi/pkg/v3";
const PACKAGE = `${MODULE}/cmd/pulumi`;
const VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version";

/** Go's own switch to newer toolchains came with 1.21: from there on the module proxy serves what go.mod asks for. */
const LEAST_GO = "1.21.0";

/** The folder that pins the CLI's modules. */
const moduleFolder = join(projectFolder, "airgap", "pulumi-cli");

/** The version that go.mod pins; downloads use the same one, and an older CLI on PATH is not used. */
export function pinnedVersion(goMod = readFileSync(join(moduleFolder, "go.mod"), "utf8")): string {
  const version = new RegExp(`^(?:require )?\\s*${MODULE} v([0-9.]+)$`, "m").exec(goMod)?.[1];
  if (version === undefined) throw new SetupError(`airgap/pulumi-cli/go.mod does not require ${MODULE}`);
  return version;
}

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
  if (facts.go !== undefined && atLeast(facts.go, LEAST_GO)) return { use: "build", why: silent };
  return {
    use: "none",
    message: `${silent}; building it from its Go modules needs Go, and ${facts.go ? `${facts.go} is too old` : "there is none"}`,
    remedy: `${install}; or install Go ≥ ${LEAST_GO} (https://go.dev/doc/install; Debian 13: apt-get install golang-go; Debian 12: apt-get install -t bookworm-backports golang-go) and run this again; or copy a \`pulumi\` ${wanted} from another machine to a folder on PATH`,
  };
}

/** Where this user's CLIs are kept. The downloaded one is what the SDK's installer chooses: of the SDK's own version. */
function cachedCli(cache: string, version: string) {
  return {
    downloadFolder: join(cache, "pulumi-official"),
    downloaded: join(cache, "pulumi-official", "bin", "pulumi"),
    built: join(cache, `pulumi-${version}`, "pulumi"),
  };
}

/** Finds out what {@link decideCli} needs to know; asks the network only when nothing is here. */
export async function findCli(cache: string, install: boolean): Promise<CliFacts> {
  const wanted = pinnedVersion();
  const places = cachedCli(cache, wanted);
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
      return { path: await download(step, cache, facts.wanted), kind: "official download" };
    case "build":
      step.say(`${decision.why}: building it from its Go modules (4 to 7 minutes on 2 cores, once)`);
      return { path: await build(step, cache, facts.wanted), kind: "built from Go modules" };
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

/** What `go env GOVERSION` says, such as `go1.26.8`; undefined when there is no Go. */
export async function goVersion(): Promise<string | undefined> {
  const { ok, stdout } = await ask("go", ["env", "GOVERSION"]);
  return ok ? stdout.trim() : undefined;
}

/** Pulumi's own installer, into a new folder that gets its name when it is complete. */
async function download(step: Step, cache: string, version: string): Promise<string> {
  const places = cachedCli(cache, version);
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

/** In a copy of the module, since Go may write to go.sum; the result gets its name when it has said its version. */
async function build(step: Step, cache: string, version: string): Promise<string> {
  const logFile = join(cache, "logs", "pulumi-build.log");
  const places = cachedCli(cache, version);
  const goFolder = join(cache, "go");
  const cwd = makeWorkFolder(cache, "pulumi-build");
  const env = {
    ...process.env,
    // Writable, or nobody but root could remove what Go downloads.
    GOFLAGS: `${process.env.GOFLAGS ?? ""} -mod=mod -modcacherw`.trim(),
    // Distributions switch off that an older Go fetches the toolchain that go.mod asks for.
    GOTOOLCHAIN: process.env.GOTOOLCHAIN ?? "auto",
    // In our own folder, which is the only one outside the clone that is written to.
    GOMODCACHE: process.env.GOMODCACHE || join(goFolder, "mod"),
    GOCACHE: process.env.GOCACHE || join(goFolder, "build"),
  };
  const remedy = "is the Go module proxy reachable? (go env GOPROXY); the next run goes on where this one stopped";
  try {
    cpSync(moduleFolder, cwd, { recursive: true });
    let packages = 0;
    await runLogged(step, "go", ["list", "-deps", "-f", "{{.ImportPath}}", PACKAGE], {
      logFile,
      cwd,
      env,
      remedy,
      onLine: (line) => {
        if (!line.startsWith("go: ")) packages++;
      },
    });
    let compiled = 0;
    const stamp = `-s -w -X ${VERSION_VARIABLE}=v${version}`;
    const output = join(cwd, "pulumi");
    const counted: Step = {
      ...step,
      tail: (line) => step.tail(`${++compiled} of at most ${packages} packages compiled (${line})`),
    };
    await runLogged(counted, "go", ["build", "-v", "-ldflags", stamp, "-o", output, PACKAGE], {
      logFile,
      cwd,
      env,
      remedy,
    });
    if ((await versionOf(output)) !== `v${version}`) {
      throw new SetupError(`the Pulumi CLI just built does not say that it is v${version}`, { logFile });
    }
    mkdirSync(join(cache, `pulumi-${version}`), { recursive: true });
    renameSync(output, places.built);
    // Kept until now so that a broken-off build goes on where it stopped; 3 GB that nobody needs any more.
    rmSync(goFolder, { recursive: true, force: true });
  } finally {
    await removeWorkFolder(cwd);
  }
  return places.built;
}
