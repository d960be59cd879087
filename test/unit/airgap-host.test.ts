import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { canInstall, parseIndexTargets } from "../../airgap/apt.ts";
import { resolveDockerHost } from "../../airgap/docker-host.ts";
import { decideEngine, type EngineFacts, isStalePidFile } from "../../airgap/engine-choice.ts";
import { clearWorkFolders, makeWorkFolder, mountsUnder } from "../../airgap/work-folder.ts";

const cache = mkdtempSync(join(tmpdir(), "mcp-airgap-"));
afterAll(() => rmSync(cache, { recursive: true, force: true }));

describe("the host's Debian mirrors", () => {
  it("are those that apt uses for Debian's main, by HTTP", () => {
    const text = [
      "https://mirror.example/tools/ Tools stable main Packages",
      "cdrom://Debian%2012/ Debian bookworm main Packages",
      "http://mirror.example/debian/ Debian bookworm-updates main Packages",
      "http://mirror.example/debian/ Debian bookworm contrib Packages",
      "http://mirror.example/debian/ Debian bookworm main DEP-11",
      "http://mirror.example/debian/ Debian bookworm main Packages",
      "https://other.example/debian Debian bookworm main Packages",
      "http://mirror.example/debian-security/ Debian bookworm-security main Packages",
    ].join("\n");
    expect(parseIndexTargets(text)).toEqual({
      main: "http://mirror.example/debian",
      security: "http://mirror.example/debian-security",
    });
  });

  it("are none on another distribution", () => {
    expect(parseIndexTargets("http://archive.example/ubuntu/ Ubuntu noble main Packages\n")).toEqual({
      main: undefined,
      security: undefined,
    });
    expect(parseIndexTargets("")).toEqual({ main: undefined, security: undefined });
  });

  it("are used only by root on Debian and what is made from it", () => {
    expect(canInstall(0, 'NAME="x"\nID=debian\n')).toBe(true);
    expect(canInstall(0, 'ID=linuxmint\nID_LIKE="ubuntu debian"\n')).toBe(true);
    expect(canInstall(0, "ID=fedora\n")).toBe(false);
    expect(canInstall(1000, "ID=debian\n")).toBe(false);
    expect(canInstall(undefined, "")).toBe(false);
  });
});

describe("which engine is meant", () => {
  const digest = createHash("sha256").update("work").digest("hex");
  const files: Record<string, string> = {
    "/d/config.json": '{"currentContext": "work"}',
    [`/d/contexts/meta/${digest}/meta.json`]: '{"Endpoints": {"docker": {"Host": "ssh://me@box"}}}',
  };
  const read = (path: string) => files[path];

  it("is DOCKER_HOST's, then the context's, then the default", () => {
    expect(resolveDockerHost({ DOCKER_HOST: "tcp://h:1", DOCKER_CONFIG: "/d" }, read)).toEqual({
      host: "tcp://h:1",
      source: "DOCKER_HOST",
    });
    expect(resolveDockerHost({ DOCKER_CONFIG: "/d" }, read)).toEqual({
      host: "ssh://me@box",
      source: "docker context",
    });
    expect(resolveDockerHost({ DOCKER_CONFIG: "/d", DOCKER_CONTEXT: "default" }, read)).toEqual({
      host: undefined,
      source: "default socket",
    });
    expect(resolveDockerHost({ DOCKER_CONFIG: "/none" }, read)).toEqual({ host: undefined, source: "default socket" });
  });
});

describe("the engine", () => {
  const silent: EngineFacts = {
    version: undefined,
    fault: "ENOENT",
    address: "the default socket",
    chosenByUser: false,
    canInstall: true,
    install: true,
    daemon: false,
  };

  it("is used when it answers, whatever else is true", () => {
    expect(decideEngine({ ...silent, version: "28.2.2", install: false })).toEqual({ do: "use", version: "28.2.2" });
  });

  it("is installed and started where that is allowed, and only started where it is installed", () => {
    expect(decideEngine(silent)).toEqual({ do: "start", install: true });
    expect(decideEngine({ ...silent, daemon: true })).toEqual({ do: "start", install: false });
  });

  it.each<[Partial<EngineFacts>, string, string]>([
    [
      { fault: "EACCES" },
      "no Docker engine answers at the default socket (EACCES): this user may not use its socket",
      "add yourself to the group that owns it (sudo usermod -aG docker $USER) and log in again",
    ],
    [
      { chosenByUser: true, address: "tcp://h:1", fault: "ECONNREFUSED" },
      "no Docker engine answers at tcp://h:1 (ECONNREFUSED), and DOCKER_HOST or a Docker context names that one",
      "start it, or unset DOCKER_HOST / `docker context use default`",
    ],
    [
      { install: false },
      "no Docker engine answers at the default socket (ENOENT), and --no-install forbids starting one",
      "apt-get install -y --no-install-recommends docker.io iptables",
    ],
    [
      { canInstall: false },
      "no Docker engine answers at the default socket (ENOENT)",
      "install Docker (https://docs.docker.com/engine/install/; on Debian or Ubuntu: sudo apt-get install -y --no-install-recommends docker.io iptables)",
    ],
    [
      { canInstall: false, daemon: true },
      "no Docker engine answers at the default socket (ENOENT)",
      "start it (sudo systemctl start docker, or Docker Desktop)",
    ],
  ])("is neither installed nor started with %j", (facts, message, remedy) => {
    expect(decideEngine({ ...silent, ...facts })).toEqual({ do: "refuse", message, remedy });
  });

  it("is not kept from starting by the pid file of one that was killed", () => {
    const commandOf = (pid: number) => ({ 7: "dockerd", 8: "bash" })[pid];
    expect(isStalePidFile("7", commandOf, "dockerd")).toBe(false);
    expect(isStalePidFile("8\n", commandOf, "dockerd")).toBe(true);
    expect(isStalePidFile("9", commandOf, "dockerd")).toBe(true);
    expect(isStalePidFile("", commandOf, "dockerd")).toBe(true);
  });
});

describe("half-made things", () => {
  it("of an interrupted run are removed by the next", async () => {
    const folder = makeWorkFolder(cache, "debian");
    mkdirSync(join(folder, "usr"));
    await clearWorkFolders(cache);
    expect(existsSync(folder)).toBe(false);
    await clearWorkFolders(join(cache, "none"));
  });

  it("are let go of by what is mounted in them, the innermost first", () => {
    const mounts = ["proc /w/a/proc proc rw 0 0", "x /w/a/proc/sys x rw 0 0", "y /w/ab/proc y rw 0 0", ""].join("\n");
    expect(mountsUnder("/w/a", mounts)).toEqual(["/w/a/proc/sys", "/w/a/proc"]);
  });
});
