/** Programs built from Go modules that a folder of ours pins, where their releases cannot be had: built once, then kept. */
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { projectFolder } from "../cli/paths.ts";
import { atLeast } from "../cli/programs.ts";
import { SetupError, type Step } from "../cli/progress.ts";
import { ask, runLogged } from "../cli/run.ts";
import { makeWorkFolder, removeWorkFolder } from "./work-folder.ts";

/** Go's own switch to newer toolchains came with 1.21: from there on the module proxy serves what go.mod asks for. */
const LEAST_GO = "1.21.0";

/** How to come by Go. */
export const installGo = `install Go ≥ ${LEAST_GO} (https://go.dev/doc/install; Debian 13: apt-get install golang-go; Debian 12: apt-get install -t bookworm-backports golang-go)`;

/** One program. */
export interface GoProgram {
  /** Name of the executable, and of its folder in the cache. */
  readonly name: string;
  /** Folder under `airgap/` with the go.mod that pins it. */
  readonly folder: string;
  readonly module: string;
  readonly package: string;
  /** The linker sets this variable to the version, and how that is written there. */
  readonly stamp: { readonly variable: string; readonly value: (version: string) => string };
  /** Build tags and environment of a release of it. */
  readonly tags?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What the executable says that it is, written as in the stamp; undefined when it cannot be run. */
  readonly versionOf: (executable: string) => Promise<string | undefined>;
}

const moduleFolder = (program: GoProgram) => join(projectFolder, "airgap", program.folder);

/** The version that a go.mod pins. */
export function pinnedVersion(
  { module, folder }: Pick<GoProgram, "module" | "folder">,
  goMod = readFileSync(join(projectFolder, "airgap", folder, "go.mod"), "utf8"),
): string {
  const version = new RegExp(`^(?:require )?\\s*${module} v([0-9.]+)$`, "m").exec(goMod)?.[1];
  if (version === undefined) throw new SetupError(`airgap/${folder}/go.mod does not require ${module}`);
  return version;
}

/** Where the executable is kept. */
export const builtProgram = (cache: string, program: GoProgram) =>
  join(cache, `${program.name}-${pinnedVersion(program)}`, program.name);

/** What `go env GOVERSION` says, such as `go1.26.8`; undefined when there is no Go. */
export async function goVersion(): Promise<string | undefined> {
  const { ok, stdout } = await ask("go", ["env", "GOVERSION"]);
  return ok ? stdout.trim() : undefined;
}

/** Why this Go cannot build; undefined when it can. */
export function goLack(go: string | undefined): string | undefined {
  if (go === undefined) return "there is none";
  return atLeast(go, LEAST_GO) ? undefined : `${go} is too old`;
}

/** The executable from an earlier build, else a new one. */
export async function provideGoProgram(
  step: Step,
  cache: string,
  program: GoProgram,
  minutes: string,
): Promise<string> {
  const built = builtProgram(cache, program);
  const version = pinnedVersion(program);
  if ((await program.versionOf(built)) === program.stamp.value(version)) return built;
  const lack = goLack(await goVersion());
  if (lack !== undefined) {
    throw new SetupError(`building ${program.name} ${version} from its Go modules needs Go, and ${lack}`, {
      remedy: `${installGo} and run this again`,
    });
  }
  step.say(`building ${program.name} ${version} from its Go modules (${minutes} on 2 cores, once)`);
  return buildGoProgram(step, cache, program);
}

/** In a copy of the module, since Go may write to go.sum; the result gets its name when it has said its version. */
export async function buildGoProgram(step: Step, cache: string, program: GoProgram): Promise<string> {
  const { name, package: target, stamp, tags } = program;
  const version = pinnedVersion(program);
  const logFile = join(cache, "logs", `${name}-build.log`);
  const built = builtProgram(cache, program);
  const goFolder = join(cache, "go");
  const cwd = makeWorkFolder(cache, `${name}-build`);
  const env = {
    ...process.env,
    ...program.env,
    // Writable, or nobody but root could remove what Go downloads.
    GOFLAGS: `${process.env.GOFLAGS ?? ""} -mod=mod -modcacherw`.trim(),
    // Distributions switch off that an older Go fetches the toolchain that go.mod asks for.
    GOTOOLCHAIN: process.env.GOTOOLCHAIN ?? "auto",
    // In our own folder, which is the only one outside the clone that is written to.
    GOMODCACHE: process.env.GOMODCACHE || join(goFolder, "mod"),
    GOCACHE: process.env.GOCACHE || join(goFolder, "build"),
  };
  const remedy = "is the Go module proxy reachable? (go env GOPROXY); the next run goes on where this one stopped";
  const run = { logFile, cwd, env, remedy };
  const tagged = tags === undefined ? [] : ["-tags", tags];
  try {
    cpSync(moduleFolder(program), cwd, { recursive: true });
    let packages = 0;
    await runLogged(step, "go", ["list", ...tagged, "-deps", "-f", "{{.ImportPath}}", target], {
      ...run,
      onLine: (line) => {
        if (!line.startsWith("go: ")) packages++;
      },
    });
    let compiled = 0;
    const output = join(cwd, name);
    const counted: Step = {
      ...step,
      tail: (line) => step.tail(`${++compiled} of at most ${packages} packages compiled (${line})`),
    };
    const linked = `-s -w -X ${stamp.variable}=${stamp.value(version)}`;
    await runLogged(counted, "go", ["build", "-v", ...tagged, "-ldflags", linked, "-o", output, target], run);
    if ((await program.versionOf(output)) !== stamp.value(version)) {
      throw new SetupError(`the ${name} just built does not say that it is ${stamp.value(version)}`, { logFile });
    }
    mkdirSync(join(built, ".."), { recursive: true });
    renameSync(output, built);
    // Kept until now so that a broken-off build goes on where it stopped; gigabytes that nobody needs any more.
    rmSync(goFolder, { recursive: true, force: true });
  } finally {
    await removeWorkFolder(cwd);
  }
  return built;
}
