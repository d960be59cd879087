import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { type BaseImageName, defaultBaseImages } from "../../config/schema.ts";
import { dockerQuietly } from "./stand-in-stack.ts";
import { docker as dockerAnswer, logsOf } from "./test-stack.ts";

const context = join(import.meta.dirname, "..", "..", "images", "backends", "postgres");

/** A `docker` command's answer, without the line break at its end. */
export const docker = (...args: string[]): string => dockerAnswer(...args).trim();

/** A login at one database. */
export interface Login {
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** Postgres containers of the backends' image, under names of their own; all go at the end, with their volumes. */
export class PostgresContainers implements AsyncDisposable {
  readonly prefix = `mcpt-pg-${randomBytes(3).toString("hex")}-`;
  readonly #volumes: string[] = [];
  readonly #containers: string[] = [];
  readonly #images: string[] = [];
  readonly network = `${this.prefix}net`;

  constructor() {
    docker("network", "create", this.network);
  }

  /** Builds the image on a base image, the machine's own where no registry answers. */
  build(base: BaseImageName & ("postgres" | "timescaledb")): string {
    const image = `${this.prefix}${base}:test`;
    const given: Partial<Record<BaseImageName, string>> = JSON.parse(process.env.MCP_BASE_IMAGES ?? "{}");
    const argument = `BASE_IMAGE=${given[base] ?? defaultBaseImages[base]}`;
    docker("build", "--quiet", "--force-rm", "--build-arg", argument, "--tag", image, context);
    this.#images.push(image);
    return image;
  }

  volume(name: string): string {
    const volume = this.prefix + name;
    docker("volume", "create", volume);
    this.#volumes.push(volume);
    return volume;
  }

  /** Starts a container as hardened as the stack's. */
  run(name: string, image: string, env: Record<string, string>, ...options: string[]): string {
    const container = this.prefix + name;
    const [before, after] = splitAt(options, "--");
    const hardening = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--memory=512m", "--init"];
    const places = [
      "--tmpfs=/tmp",
      "--tmpfs=/var/run/postgresql",
      `--network=${this.network}`,
      "--publish=127.0.0.1::5432",
    ];
    const variables = Object.entries(env).map(([key, value]) => `--env=${key}=${value}`);
    docker("run", "--detach", `--name=${container}`, ...hardening, ...places, ...variables, ...before, image, ...after);
    this.#containers.push(container);
    return container;
  }

  /** Runs a shell command on a volume. */
  onVolume(image: string, volume: string, command: string): string {
    return docker(
      "run",
      "--rm",
      "--entrypoint=sh",
      `--volume=${volume}:/var/lib/postgresql/data`,
      image,
      "-ec",
      command,
    );
  }

  remove(container: string): void {
    docker("rm", "--force", "--volumes", container);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const container of this.#containers) dockerQuietly("rm", "--force", "--volumes", container);
    for (const volume of this.#volumes) dockerQuietly("volume", "rm", volume);
    dockerQuietly("network", "rm", this.network);
    // Its layers stay: they are the cache of the next build.
    for (const image of this.#images) dockerQuietly("rmi", "--no-prune", image);
  }
}

/** What the image's own health check says. */
export function isHealthy(container: string): boolean {
  try {
    docker("exec", container, "/opt/mcp-postgres/entrypoint.sh", "health");
    return true;
  } catch {
    return false;
  }
}

/** Waits until a container is healthy. */
export async function healthy(container: string): Promise<void> {
  await until(`${container} is healthy`, () => isHealthy(container), container);
}

/** Waits until a statement of the superuser gives this. */
export const answers = (container: string, text: string, answer: string) =>
  until(`${text} gives ${answer}`, () => asSuperuser(container, text) === answer, container);

/** Waits until a container has ended by itself; resolves to its exit code. */
export async function ended(container: string): Promise<number> {
  const status = () => docker("inspect", "--format={{.State.Status}} {{.State.ExitCode}}", container).split(" ");
  await until(`${container} ends`, () => status()[0] === "exited", container);
  return Number(status()[1]);
}

async function until(what: string, condition: () => boolean, container: string): Promise<void> {
  for (const deadline = Date.now() + 30_000; !condition(); await sleep(150))
    if (Date.now() > deadline) throw new Error(`not within 30 s: ${what}\n${logsOf(container)}`);
}

/** Lines of a container's bootstrap. */
export const bootstrapLines = (container: string): string[] =>
  logsOf(container)
    .split("\n")
    .flatMap((line) => /^mcp-postgres: bootstrap: (.*)$/.exec(line)?.[1] ?? []);

/** Runs one statement as a client over TCP; rejects with what the server says. */
export async function query(container: string, login: Login, text: string): Promise<unknown[][]> {
  const port = Number(docker("port", container, "5432/tcp").split("\n")[0]?.split(":").at(-1));
  const client = new pg.Client({ host: "127.0.0.1", port, ...login, connectionTimeoutMillis: 5000 });
  // A server that shuts down says so, and then cuts the connection as well.
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query({ text, rowMode: "array" })).rows;
  } finally {
    await client.end();
  }
}

/** Runs one statement as the superuser, by the container's own socket. */
export const asSuperuser = (container: string, text: string, database = "postgres"): string =>
  docker("exec", container, "psql", "-XAtq", "-U", "postgres", "-d", database, "-c", text);

function splitAt(list: readonly string[], mark: string): [string[], string[]] {
  const at = list.indexOf(mark);
  return at < 0 ? [[...list], []] : [list.slice(0, at), list.slice(at + 1)];
}
