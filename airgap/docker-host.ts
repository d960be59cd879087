/** Which Docker engine is meant: DOCKER_HOST, then the Docker CLI's context, then the default socket. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import Docker from "dockerode";

/** Where the engine is, and who said so. `host` is undefined for the platform's default socket. */
export interface DockerHost {
  host: string | undefined;
  source: "DOCKER_HOST" | "docker context" | "default socket";
}

/**
 * Follows the Docker CLI's own order: DOCKER_HOST wins over DOCKER_CONTEXT, that wins over the chosen context.
 *
 * @param read gives a file's text, or undefined when it cannot be read.
 */
export function resolveDockerHost(
  env: NodeJS.ProcessEnv,
  read: (path: string) => string | undefined = readOrUndefined,
): DockerHost {
  if (env.DOCKER_HOST) return { host: env.DOCKER_HOST, source: "DOCKER_HOST" };
  const folder = env.DOCKER_CONFIG || join(homedir(), ".docker");
  const context = env.DOCKER_CONTEXT || stringAt(parse(read(join(folder, "config.json"))), "currentContext");
  if (context && context !== "default") {
    // The CLI stores a context under the digest of its name.
    const id = createHash("sha256").update(context).digest("hex");
    const meta = parse(read(join(folder, "contexts", "meta", id, "meta.json")));
    const host = stringAt(meta, "Endpoints", "docker", "Host");
    if (host) return { host, source: "docker context" };
  }
  return { host: undefined, source: "default socket" };
}

/** A client for that engine. dockerode knows DOCKER_HOST but no contexts, so a context's host is handed over as one. */
export function connect(env: NodeJS.ProcessEnv = process.env): Docker {
  const { host } = resolveDockerHost(env);
  if (host !== undefined) process.env.DOCKER_HOST = host;
  return new Docker();
}

function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function parse(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function stringAt(value: unknown, ...path: string[]): string | undefined {
  let current: unknown = value;
  for (const key of path) {
    if (typeof current !== "object" || current === null) return undefined;
    current = (current as Record<string, unknown>)[key];
  }
  return typeof current === "string" ? current : undefined;
}
