/** The way to the Docker engine, and its errors as sentences that say what to do. */
import Docker from "dockerode";
import { type PropertyMap, text } from "../values.ts";

const DEFAULT_SOCKET = "unix:///var/run/docker.sock";

let address = DEFAULT_SOCKET;
let client: Docker | undefined;

/** `docker:host`, else DOCKER_HOST, else the default socket: the order of the official provider. */
export function engineAddress(config: PropertyMap, environment: NodeJS.ProcessEnv = process.env): string {
  return text(config.host) || environment.DOCKER_HOST || DEFAULT_SOCKET;
}

export function connectOptions(host: string): Docker.DockerOptions {
  const socket = /^unix:\/\/(.+)$/.exec(host)?.[1];
  if (socket) return { socketPath: socket };
  const tcp = /^(?:tcp|http):\/\/([^/:]+):(\d+)\/?$/.exec(host);
  if (tcp?.[1]) return { host: tcp[1], port: Number(tcp[2]), protocol: "http" };
  throw new Error(
    `the Docker engine's address ${JSON.stringify(host)} (docker:host or DOCKER_HOST) is not supported by the ` +
      "stand-in provider; give unix:///path/to/docker.sock or tcp://host:port",
  );
}

export async function connect(config: PropertyMap): Promise<void> {
  address = engineAddress(config);
  client = new Docker(connectOptions(address));
  if (config.disableDockerDaemonCheck !== true) await engineCall(() => engine().ping());
}

export function engine(): Docker {
  client ??= new Docker(connectOptions(address));
  return client;
}

interface EngineError extends Error {
  statusCode?: number;
  code?: string;
  json?: { message?: string };
}

export function isMissing(error: unknown): boolean {
  return (error as EngineError).statusCode === 404;
}

/** The engine's own words, or, when it does not answer at all, which socket that was and what to do. */
export function explain(error: unknown): Error {
  const { statusCode, code, json, message } = error as EngineError;
  if (statusCode !== undefined) return new Error(json?.message ?? message.replace(/^\(HTTP code \d+\) /, ""));
  if (code === "ENOENT" || code === "ECONNREFUSED" || code === "EACCES" || code === "ECONNRESET" || code === "EPIPE") {
    const remedy =
      code === "EACCES"
        ? "let this user use it (e.g. add it to the group `docker`)"
        : "start it (e.g. `systemctl start docker`)";
    return new Error(
      `the Docker engine at ${address} does not answer (${message}); ${remedy} ` +
        "or point docker:host or DOCKER_HOST at one that runs",
    );
  }
  return error instanceof Error ? error : new Error(String(error));
}

/** Runs a call to the engine and turns what it throws into an explained error with `doing` before it. */
export async function engineCall<T>(call: () => Promise<T>, doing = ""): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const explained = explain(error);
    throw doing ? new Error(`${doing}: ${explained.message}`, { cause: error }) : explained;
  }
}

/** Like `engineCall`, but undefined where the engine says that there is no such thing. */
export async function findOrUndefined<T>(call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw explain(error);
  }
}
