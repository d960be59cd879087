import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Docker from "dockerode";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type DaemonOptions, startDaemon } from "../../airgap/engine.ts";
import { removeWorkFolder } from "../../airgap/work-folder.ts";
import { findProgram } from "../../cli/programs.ts";
import { SetupError } from "../../cli/progress.ts";

const step = { say: () => {}, state: () => {}, tail: () => {} };

// A daemon of our own beside the machine's: needs root, as the set-up's does, and a machine that has one at all.
const dockerd = findProgram("dockerd");
const possible = process.getuid?.() === 0 && dockerd !== undefined;

describe.runIf(possible)("starting an engine", () => {
  let folder: string;
  let docker: Docker;
  let options: DaemonOptions;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "mcp-engine-"));
    mkdirSync(join(folder, "run"));
    // In a network of its own: a daemon without a bridge takes the bridge of the machine's own daemon away.
    const wrapper = `#!/bin/sh\nexec unshare --net ${dockerd} "$@"\n`;
    mkdirSync(join(folder, "bin"));
    writeFileSync(join(folder, "bin", "dockerd"), wrapper, { mode: 0o755 });
    vi.stubEnv("PATH", [join(folder, "bin"), process.env.PATH].join(delimiter));
    const socketPath = join(folder, "run", "docker.sock");
    docker = new Docker({ socketPath });
    options = {
      logFile: join(folder, "dockerd.log"),
      runFolder: join(folder, "run"),
      args: [
        `--host=unix://${socketPath}`,
        `--data-root=${join(folder, "data")}`,
        `--exec-root=${join(folder, "run", "docker")}`,
        `--pidfile=${join(folder, "run", "docker.pid")}`,
        "--bridge=none",
        "--iptables=false",
      ],
    };
  });

  afterEach(async () => {
    vi.unstubAllEnvs();
    await stop(join(folder, "run", "docker.pid"));
    // A daemon that fails leaves its data folder mounted.
    await removeWorkFolder(folder);
  });

  it("waits until it answers, and starts no second one", async () => {
    const version = await startDaemon(docker, step, options);
    expect(version).toMatch(/^\d+\.\d+/);
    const pid = readFileSync(join(folder, "run", "docker.pid"), "utf8");
    expect(await startDaemon(docker, step, options)).toBe(version);
    expect(readFileSync(join(folder, "run", "docker.pid"), "utf8")).toBe(pid);
  });

  it("is not put off by the pid files of one that was killed", async () => {
    mkdirSync(join(folder, "run", "docker", "containerd"), { recursive: true });
    // This very process lives, and is neither: dockerd itself would take it for another daemon.
    for (const name of ["docker.pid", "docker/containerd/containerd.pid"]) {
      writeFileSync(join(folder, "run", name), String(process.pid));
    }
    expect(await startDaemon(docker, step, options)).toMatch(/^\d+\.\d+/);
  });

  it("fails at once, with the end of the daemon's log, when the daemon ends", async () => {
    options.args.push("--storage-driver=no-such-driver");
    const error = await startDaemon(docker, step, options).catch((reason) => reason);
    expect(error).toBeInstanceOf(SetupError);
    expect(error.message).toBe("the Docker engine ended at once (exit code 1)");
    expect(error.render()).toContain("no-such-driver");
    expect(error.render()).toContain(`log: ${options.logFile}`);
  });
});

/** Ends the daemon of a pid file, with the containerd that it started, and waits for it. */
async function stop(pidFile: string): Promise<void> {
  let pid: number;
  try {
    pid = Number(readFileSync(pidFile, "utf8"));
    if (pid === process.pid) return;
    process.kill(pid, "SIGTERM");
  } catch {
    return;
  }
  for (let waited = 0; waited < 20_000; waited += 100) {
    try {
      execFileSync("kill", ["-0", String(pid)], { stdio: "ignore" });
    } catch {
      return;
    }
    await sleep(100);
  }
  process.kill(pid, "SIGKILL");
}
