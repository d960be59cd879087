import { execFile, execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";

const repository = join(import.meta.dirname, "..", "..");
const stackName = "test";

const plugins = [
  { folder: "language-nodejs-v3.259.0", program: "pulumi-language-nodejs", main: "airgap/language-host.ts" },
  { folder: "resource-docker-v5.2.0", program: "pulumi-resource-docker", main: "airgap/providers/docker/main.ts" },
  { folder: "resource-random-v4.21.2", program: "pulumi-resource-random", main: "airgap/providers/random/main.ts" },
];

export interface Ran {
  readonly code: number;
  readonly output: string;
}

/** A step of a preview as `pulumi preview --json` tells it, without what only Pulumi itself needs. */
export interface Step {
  op: string;
  type: string;
  name: string;
  replaceReasons: string[] | null;
  diffReasons: string[] | null;
  detailedDiff: Record<string, string> | null;
}

export interface StateResource {
  urn: string;
  type: string;
  id: string;
  inputs: Record<string, unknown>;
  outputs: Record<string, unknown>;
  additionalSecretOutputs?: string[];
}

/** The base image for what tests build: the machine's own where no registry answers. */
export function baseImage(): string {
  const images = process.env.MCP_BASE_IMAGES;
  if (images === undefined)
    throw new Error("MCP_BASE_IMAGES is not set: run integration tests with `npm test`, which prepares the tools");
  return (JSON.parse(images) as { debian?: string }).debian ?? "debian:bookworm-slim";
}

/** A `docker` command; throws what the engine says when it refuses. */
export const docker = (...args: string[]): string => execFileSync("docker", args, { encoding: "utf8" }).trim();

/** Like {@link docker}, for clearing away what may not be there. */
export function dockerQuietly(...args: string[]): void {
  try {
    execFileSync("docker", args, { stdio: "ignore" });
  } catch {
    // It was not there, which is what was wanted.
  }
}

/**
 * A small Pulumi program on the real Pulumi engine and the stand-in plugins, always those of this clone, whatever
 * else is installed: in a folder, a backend and a Pulumi home of its own.
 */
export class StandInStack {
  readonly folder = mkdtempSync(join(tmpdir(), "mcp-standin-"));
  readonly #env: NodeJS.ProcessEnv;
  #used = false;

  constructor(program?: string) {
    const home = join(this.folder, "home");
    for (const { folder, program: name, main } of plugins) {
      const place = join(home, "plugins", folder);
      mkdirSync(place, { recursive: true });
      writeFileSync(join(place, name), `#!/bin/sh\nexec "${process.execPath}" "${join(repository, main)}" "$@"\n`);
      chmodSync(join(place, name), 0o755);
    }
    mkdirSync(join(this.folder, "state"));
    symlinkSync(join(repository, "node_modules"), join(this.folder, "node_modules"));
    this.#env = {
      ...process.env,
      PULUMI_HOME: home,
      PULUMI_BACKEND_URL: `file://${join(this.folder, "state")}`,
      PULUMI_CONFIG_PASSPHRASE: "golden",
      PULUMI_CONFIG_PASSPHRASE_FILE: undefined,
      PULUMI_STACK: undefined,
      PULUMI_SKIP_UPDATE_CHECK: "true",
      PULUMI_IGNORE_AMBIENT_PLUGINS: "true",
    };
    if (program !== undefined) this.program(program);
  }

  /** Replaces the program. */
  program(text: string): void {
    if (!existsSync(join(this.folder, "Pulumi.yaml"))) {
      writeFileSync(
        join(this.folder, "Pulumi.yaml"),
        "name: standin\nruntime:\n  name: nodejs\n  options:\n    typescript: false\nmain: index.mjs\n",
      );
      writeFileSync(join(this.folder, "package.json"), '{ "name": "standin", "type": "module" }\n');
    }
    const imports = 'import * as docker from "@pulumi/docker";\nimport * as random from "@pulumi/random";\n';
    const pulumi = 'import * as pulumi from "@pulumi/pulumi";\n';
    writeFileSync(join(this.folder, "index.mjs"), `${pulumi}${imports}${text}\n`);
  }

  pulumi(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
    if (args[0] === "up") this.#used = true;
    return new Promise((resolve, reject) => {
      execFile(
        "pulumi",
        [...args, "--non-interactive"],
        { cwd: this.folder, env: { ...this.#env, ...env }, maxBuffer: 64 << 20 },
        (error, stdout, stderr) => {
          if (error && typeof error.code !== "number") reject(error);
          else resolve({ code: Number(error?.code ?? 0), output: stripVTControlCharacters(stdout + stderr) });
        },
      );
    });
  }

  async must(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
    const { code, output } = await this.pulumi(args, env);
    if (code !== 0) throw new Error(`pulumi ${args.join(" ")} ended with ${code}:\n${output}`);
    return output;
  }

  init = () => this.must(["stack", "init", stackName]);
  up = (env: NodeJS.ProcessEnv = {}, ...args: string[]) =>
    this.must(["up", "--stack", stackName, "--yes", "--skip-preview", ...args], env);
  tryUp = (...args: string[]) => this.pulumi(["up", "--stack", stackName, "--yes", "--skip-preview", ...args]);
  refresh = () => this.must(["refresh", "--stack", stackName, "--yes", "--skip-preview"]);
  destroy = () => this.must(["destroy", "--stack", stackName, "--yes", "--skip-preview"]);

  /** Steps of a preview that change anything. */
  async preview(env: NodeJS.ProcessEnv = {}): Promise<Step[]> {
    const text = await this.must(["preview", "--stack", stackName, "--json"], env);
    const { steps } = JSON.parse(text.slice(text.indexOf("{"), text.lastIndexOf("}") + 1)) as {
      steps: (Omit<Step, "detailedDiff" | "name" | "type"> & {
        urn: string;
        detailedDiff?: Record<string, { kind: string }> | null;
      })[];
    };
    return steps
      .filter(({ op, urn }) => /^(create|update|replace|delete)$/.test(op) && !urn.includes("pulumi:pulumi:Stack::"))
      .map(({ op, urn, replaceReasons, diffReasons, detailedDiff }) => ({
        op,
        type: urn.split("::")[2]?.split("$").at(-1) ?? "",
        name: urn.split("::").at(-1) ?? "",
        replaceReasons: replaceReasons ?? null,
        diffReasons: diffReasons ?? null,
        detailedDiff: detailedDiff
          ? Object.fromEntries(Object.entries(detailedDiff).map(([path, { kind }]) => [path, kind]))
          : null,
      }));
  }

  async state(...args: string[]): Promise<StateResource[]> {
    const text = await this.must(["stack", "export", "--stack", stackName, ...args]);
    const { deployment } = JSON.parse(text) as { deployment: { resources?: StateResource[] } };
    return (deployment.resources ?? []).filter(({ type }) => !type.startsWith("pulumi:"));
  }

  async outputs(): Promise<Record<string, unknown>> {
    return JSON.parse(await this.must(["stack", "output", "--stack", stackName, "--json", "--show-secrets"]));
  }

  /** Takes everything away whatever state the stack is in. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#used) await this.pulumi(["destroy", "--stack", stackName, "--yes", "--skip-preview", "--refresh"]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
