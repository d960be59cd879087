import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { catalogue } from "../../components/catalogue.ts";
import { containerName } from "../../components/server-definition.ts";
import type { StackOutputs } from "../../outputs/contract.ts";
import { copyProject, type Ran, run } from "./checkout.ts";

const stackName = "test";

/** One step of a preview: what is to be done to which resource. */
export interface Step {
  readonly op: string;
  readonly name: string;
  readonly type: string;
}

/** Ports of the host that nobody holds just now. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, () => {
      const server = createServer();
      return new Promise<typeof server>((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
    }),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** The engine's answer to a `docker` command; throws what the engine says when it refuses. */
export const docker = (...args: string[]): string =>
  execFileSync("docker", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });

/** All that a container has printed, on both its streams. */
export const logsOf = (container: string): string => {
  const { stdout, stderr } = spawnSync("docker", ["logs", container], { encoding: "utf8" });
  return stdout + stderr;
};

/**
 * The program itself on the real engines, in a folder, a backend and under names of its own, so that it runs beside a
 * stack that is up and a test can change the program's files.
 */
export class TestStack {
  readonly folder = mkdtempSync(join(tmpdir(), "mcp-stack-"));
  readonly prefix = `mcpt-${randomBytes(3).toString("hex")}-`;
  readonly #env: NodeJS.ProcessEnv;

  constructor(config: Record<string, unknown>) {
    if (process.env.MCP_BASE_IMAGES === undefined)
      throw new Error("MCP_BASE_IMAGES is not set: run integration tests with `npm test`, which prepares the tools");
    copyProject(this.folder, (path) =>
      /^((index|config)\.ts|Pulumi\.yaml|package\.json|(components|config|outputs|images)\/.*)$/.test(path),
    );
    mkdirSync(join(this.folder, "state"));
    this.#env = {
      ...process.env,
      PULUMI_BACKEND_URL: `file://${join(this.folder, "state")}`,
      PULUMI_CONFIG_PASSPHRASE: randomBytes(16).toString("hex"),
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_CONFIG_PASSPHRASE_FILE: undefined,
      PULUMI_STACK: undefined,
    };
    this.configure(config);
  }

  /** Writes the stack's YAML: what a user edits. */
  configure(config: Record<string, unknown>): void {
    const all = {
      prefix: this.prefix,
      healthInterval: 1,
      images: JSON.parse(process.env.MCP_BASE_IMAGES ?? "{}"),
      ...config,
    };
    const text = stringify({
      config: Object.fromEntries(Object.entries(all).map(([key, value]) => [`mcp:${key}`, value])),
    });
    writeFileSync(join(this.folder, `Pulumi.${stackName}.yaml`), text);
  }

  pulumi(...args: string[]): Promise<Ran> {
    return run("pulumi", [...args, "--non-interactive"], this.folder, this.#env);
  }

  /** Like {@link pulumi}, but a failure is the test's. */
  async #must(...args: string[]): Promise<string> {
    const { code, output } = await this.pulumi(...args);
    if (code !== 0) throw new Error(`pulumi ${args.join(" ")} ended with ${code}:\n${output}`);
    return output;
  }

  /** Sets secrets as a user does; they are kept encrypted in the stack's YAML, so configure first. */
  async setSecrets(secrets: Readonly<Record<string, Readonly<Record<string, string>>>>): Promise<void> {
    for (const [name, keys] of Object.entries(secrets))
      for (const [key, value] of Object.entries(keys))
        await this.#must(
          "config",
          "set",
          "--stack",
          stackName,
          "--secret",
          "--path",
          `mcp:secrets.${name}.${key}`,
          value,
        );
  }

  async init(): Promise<void> {
    await this.#must("stack", "init", stackName);
  }

  up(...args: string[]): Promise<string> {
    return this.#must("up", "--stack", stackName, "--yes", "--skip-preview", ...args);
  }

  /** Steps of a preview that change anything. */
  async preview(...args: string[]): Promise<Step[]> {
    const text = await this.#must("preview", "--stack", stackName, "--json", ...args);
    const { steps } = JSON.parse(text.slice(text.indexOf("{"))) as { steps: { op: string; urn: string }[] };
    return (
      steps
        // A step "refresh" only says that the engine was asked.
        .filter(({ op }) => op !== "same" && op !== "refresh")
        .map(({ op, urn }) => ({
          op,
          name: urn.split("::").at(-1) ?? "",
          type: urn.split("$").at(-1)?.split("::")[0] ?? "",
        }))
    );
  }

  async outputs(): Promise<StackOutputs> {
    return JSON.parse(await this.#must("stack", "output", "--stack", stackName, "--json", "--show-secrets"));
  }

  /** Outputs as anybody sees them who may not see secrets. */
  plainOutputs(): Promise<string> {
    return this.#must("stack", "output", "--stack", stackName, "--json");
  }

  state(): Promise<string> {
    return this.#must("stack", "export", "--stack", stackName);
  }

  container(server: string): string {
    const definition = catalogue.find(({ name }) => name === server);
    return definition ? containerName(this.prefix, definition) : `${this.prefix}${server}`;
  }

  /** Labels of a server's container. */
  labelsOf(server: string): Record<string, string> {
    return this.inspect(server).Config.Labels;
  }

  /** What the engine says of a container. */
  inspect(server: string) {
    return JSON.parse(docker("inspect", this.container(server)))[0];
  }

  async down(): Promise<void> {
    await this.#must("destroy", "--stack", stackName, "--yes", "--skip-preview", "--refresh");
  }

  /** Takes everything away whatever state the stack is in, data too. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.pulumi("destroy", "--stack", stackName, "--yes", "--skip-preview", "--refresh");
    const volumes = volumeNames().filter((name) => name.startsWith(this.prefix));
    if (volumes.length > 0) docker("volume", "rm", ...volumes);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const volumeNames = () => docker("volume", "ls", "--format", "{{.Name}}").split("\n");

/** Things of ours on the engine, of every kind, by the start of their names. */
export function thingsNamed(prefix: string): string[] {
  const lists = [
    docker("ps", "--all", "--format", "{{.Names}}"),
    docker("network", "ls", "--format", "{{.Name}}"),
    docker("volume", "ls", "--format", "{{.Name}}"),
    docker("images", "--format", "{{.Repository}}:{{.Tag}}"),
  ];
  return lists
    .flatMap((list) => list.split("\n"))
    .filter((name) => name.startsWith(prefix))
    .sort();
}
