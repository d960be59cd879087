/** The Docker engine: the one that answers, else the distribution's, installed, started and waited for. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, openSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type Docker from "dockerode";
import { findProgram } from "../cli/programs.ts";
import { SetupError, type Step } from "../cli/progress.ts";
import { ask, runLogged } from "../cli/run.ts";
import { canInstallHere, installPackages, missingPackages } from "./apt.ts";
import { resolveDockerHost } from "./docker-host.ts";
import { decideEngine, ENGINE_PACKAGES, isStalePidFile } from "./engine-choice.ts";

const PING_MS = 5_000;
const START_MS = 90_000;

/** An engine's answer, or why there is none. */
export interface EngineAnswer {
  version: string | undefined;
  apiVersion: string | undefined;
  fault: string | undefined;
}

/** Asks the engine for its version; never throws. */
export async function askEngine(docker: Docker): Promise<EngineAnswer> {
  const silence = sleep(PING_MS, undefined, { ref: false }).then(() => Promise.reject({ code: "ETIMEDOUT" }));
  try {
    const { Version, ApiVersion } = await Promise.race([docker.version(), silence]);
    return { version: Version, apiVersion: ApiVersion, fault: undefined };
  } catch (error) {
    const { code, message } = error as { code?: string; message?: string };
    return { version: undefined, apiVersion: undefined, fault: code ?? message ?? String(error) };
  }
}

/** Options of {@link provideEngine}. */
export interface EngineOptions {
  docker: Docker;
  step: Step;
  cache: string;
  /** False forbids to install or start an engine. */
  install: boolean;
}

/** Sees to it that an engine answers; resolves to its version. */
export async function provideEngine({ docker, step, cache, install }: EngineOptions): Promise<string> {
  const { host, source } = resolveDockerHost(process.env);
  const answer = await askEngine(docker);
  const decision = decideEngine({
    ...answer,
    address: host ?? "the default socket",
    chosenByUser: source !== "default socket",
    canInstall: canInstallHere(),
    install,
    daemon: findProgram("dockerd") !== undefined,
  });
  if (decision.do === "use") return decision.version;
  if (decision.do === "refuse") throw new SetupError(decision.message, { remedy: decision.remedy });
  const logFile = join(cache, "logs", "engine-install.log");
  if (decision.install) {
    step.say(`no Docker engine answers (${answer.fault}): installing the distribution's`);
    await installPackages(step, ENGINE_PACKAGES, logFile);
  } else if (findProgram("iptables") === undefined) {
    await installPackages(step, await missingPackages(["iptables"]), logFile);
  }
  // Installing the package may have started it already.
  if ((await askEngine(docker)).version === undefined) {
    if (existsSync("/run/systemd/system") && (await ask("systemctl", ["cat", "docker.service"])).ok) {
      step.say("starting the Docker engine (systemctl start docker)");
      await runLogged(step, "systemctl", ["start", "docker"], { logFile, remedy: "see `journalctl -u docker`" });
      return waitForEngine(docker, step, { logFile });
    }
    step.say("starting the Docker engine (dockerd, in the background)");
    return startDaemon(docker, step, { logFile: join(cache, "logs", "dockerd.log"), runFolder: "/var/run", args: [] });
  }
  return waitForEngine(docker, step, { logFile });
}

/** How a daemon is started; tests start a second one beside the machine's own. */
export interface DaemonOptions {
  logFile: string;
  /** Folder of `docker.pid` and `docker/containerd/containerd.pid`. */
  runFolder: string;
  args: string[];
}

/** Starts `dockerd` so that it outlives this process, unless one is starting already, and waits until it answers. */
export async function startDaemon(docker: Docker, step: Step, options: DaemonOptions): Promise<string> {
  const { logFile, runFolder, args } = options;
  removeStale(join(runFolder, "docker", "containerd", "containerd.pid"), "containerd");
  const pidFile = join(runFolder, "docker.pid");
  removeStale(pidFile, "dockerd");
  if (existsSync(pidFile)) return waitForEngine(docker, step, { logFile });
  mkdirSync(dirname(logFile), { recursive: true });
  const log = openSync(logFile, "a");
  const child = spawn("dockerd", args, { detached: true, stdio: ["ignore", log, log] });
  child.unref();
  return waitForEngine(docker, step, { logFile, child });
}

/** A killed machine or session leaves pid files behind; dockerd refuses to start when their pids are in use again. */
function removeStale(pidFile: string, program: string): void {
  if (existsSync(pidFile) && isStalePidFile(readFileSync(pidFile, "utf8"), commandOf, program)) rmSync(pidFile);
}

function commandOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return undefined;
  }
}

async function waitForEngine(
  docker: Docker,
  step: Step,
  { logFile, child }: { logFile: string; child?: ChildProcess },
): Promise<string> {
  let ended: string | undefined;
  child?.once("error", (error) => {
    ended = `could not be started: ${error.message}`;
  });
  child?.once("exit", (code, signal) => {
    ended = `ended at once (${signal ?? `exit code ${code}`})`;
  });
  for (const deadline = Date.now() + START_MS; Date.now() < deadline && ended === undefined; await sleep(300)) {
    const { version } = await askEngine(docker);
    if (version !== undefined) return version;
    step.tail(tailOf(logFile).at(-1) ?? "waiting for the engine to answer");
  }
  throw new SetupError(`the Docker engine ${ended ?? `does not answer ${START_MS / 1000} s after its start`}`, {
    logTail: tailOf(logFile),
    logFile,
    remedy: "start it by hand (dockerd) and see what it says",
  });
}

function tailOf(file: string): string[] {
  try {
    return readFileSync(file, "utf8").trimEnd().split("\n").slice(-15);
  } catch {
    return [];
  }
}
