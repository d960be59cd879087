/** Decides what to do about the Docker engine from what was found; nothing here touches the machine. */

/** The packages that an engine needs on Debian and Ubuntu. */
export const ENGINE_PACKAGES = ["docker.io", "iptables"];

/** What was found. */
export interface EngineFacts {
  /** Engine version, when one answers. */
  version: string | undefined;
  /** Why none answers: `ECONNREFUSED`, `ENOENT`, `EACCES`, `ETIMEDOUT`, or the engine's message. */
  fault: string | undefined;
  /** Address asked, for messages. */
  address: string;
  /** The user named an engine (DOCKER_HOST or a context): then it is that one or none. */
  chosenByUser: boolean;
  /** Packages can be installed: root on Debian or Ubuntu. */
  canInstall: boolean;
  /** Installing and starting is allowed (no `--no-install`). */
  install: boolean;
  /** `dockerd` is on the machine. */
  daemon: boolean;
}

export type EngineDecision =
  | { do: "use"; version: string }
  | { do: "start"; install: boolean }
  | { do: "refuse"; message: string; remedy: string };

const INSTALL_COMMAND = `apt-get install -y --no-install-recommends ${ENGINE_PACKAGES.join(" ")}`;

/** Uses what answers; starts or installs only where that is no surprise; else says what to do. */
export function decideEngine(facts: EngineFacts): EngineDecision {
  if (facts.version !== undefined) return { do: "use", version: facts.version };
  const refuse = (why: string, remedy: string): EngineDecision => ({
    do: "refuse",
    message: `no Docker engine answers at ${facts.address} (${facts.fault ?? "no answer"})${why}`,
    remedy,
  });
  if (facts.fault === "EACCES") {
    return refuse(
      ": this user may not use its socket",
      "add yourself to the group that owns it (sudo usermod -aG docker $USER) and log in again",
    );
  }
  if (facts.chosenByUser) {
    return refuse(
      ", and DOCKER_HOST or a Docker context names that one",
      "start it, or unset DOCKER_HOST / `docker context use default`",
    );
  }
  if (!facts.canInstall) {
    return refuse(
      "",
      facts.daemon
        ? "start it (sudo systemctl start docker, or Docker Desktop)"
        : `install Docker (https://docs.docker.com/engine/install/; on Debian or Ubuntu: sudo ${INSTALL_COMMAND})`,
    );
  }
  if (!facts.install) {
    return refuse(
      ", and --no-install forbids starting one",
      facts.daemon ? "start it (systemctl start docker, or dockerd &)" : INSTALL_COMMAND,
    );
  }
  return { do: "start", install: !facts.daemon };
}

/** Whether a pid file is left over: the process that it names is gone or is another program by now. */
export function isStalePidFile(content: string, commandOf: (pid: number) => string | undefined, program: string) {
  const pid = Number.parseInt(content.trim(), 10);
  return !Number.isInteger(pid) || pid <= 0 || commandOf(pid) !== program;
}
