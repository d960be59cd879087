/**
 * Stand-in for `pulumi-language-nodejs`, which is only released as a download: answers what `pulumi preview`, `up`,
 * `refresh`, `destroy`, `config`, `about` and `install` ask of a language host.
 *
 * The program runs as with the official host: in a fresh Node process per run, started through its own
 * `@pulumi/pulumi/cmd/run`, so an uncaught error, stdout, stderr and exit code reach the user in the same way.
 *
 * Run by the engine as `pulumi-language-nodejs [flags] <engine address>`.
 */

import "./compile-cache.ts";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, isAbsolute, join } from "node:path";
import type * as grpc from "@grpc/grpc-js";
import languageGrpc from "@pulumi/pulumi/proto/language_grpc_pb.js";
import type {
  GetProgramDependenciesRequest,
  InstallDependenciesRequest,
  InstallDependenciesResponse as InstallResponse,
  ProgramInfo,
  RunRequest,
  RunResponse as RunResult,
} from "@pulumi/pulumi/proto/language_pb.js";
import language from "@pulumi/pulumi/proto/language_pb.js";
import plugin from "@pulumi/pulumi/proto/plugin_pb.js";
import { compileCache } from "./compile-cache.ts";
import { servePlugin, unary } from "./grpc-plugin.ts";

/** Exit code of `cmd/run` after it has shown the error to the user itself: nothing is to be added to it. */
const ERROR_ALREADY_SHOWN = 32;

const engineAddress = process.argv.at(-1) ?? "";

interface PackageJson {
  name?: string;
  version?: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  pulumi?: { resource?: boolean; name?: string; version?: string; server?: string };
}

async function readPackage(folder: string): Promise<PackageJson | undefined> {
  try {
    return JSON.parse(await readFile(join(folder, "package.json"), "utf8")) as PackageJson;
  } catch {
    return undefined;
  }
}

/** `node_modules` folders that a program in `folder` sees, nearest first. */
function modulePaths(folder: string): string[] {
  const paths: string[] = [];
  for (let at = folder; ; at = dirname(at)) {
    paths.push(join(at, "node_modules"));
    if (at === dirname(at)) return paths.filter((path) => existsSync(path));
  }
}

async function installedPackages(folder: string): Promise<PackageJson[]> {
  const found = new Map<string, PackageJson>();
  for (const modules of modulePaths(folder)) {
    const names: string[] = [];
    for (const entry of await readdir(modules)) {
      if (entry.startsWith("@")) names.push(...(await readdir(join(modules, entry))).map((name) => `${entry}/${name}`));
      else if (!entry.startsWith(".")) names.push(entry);
    }
    for (const name of names) {
      if (found.has(name)) continue;
      const manifest = await readPackage(join(modules, name));
      if (manifest) found.set(name, manifest);
    }
  }
  return [...found.values()];
}

/** Every installed package that declares a Pulumi provider, so that the engine can say early what is missing. */
async function requiredPlugins(info: ProgramInfo | undefined) {
  const packages = await installedPackages(info?.getProgramDirectory() ?? process.cwd());
  return packages.flatMap(({ name = "", version = "", pulumi }) =>
    pulumi?.resource
      ? [
          {
            name: pulumi.name ?? name.replace(/^@pulumi\//, ""),
            version: `v${(pulumi.version ?? version).replace(/^v/, "")}`,
            server: pulumi.server ?? "",
          },
        ]
      : [],
  );
}

async function programDependencies(request: GetProgramDependenciesRequest) {
  const folder = request.getInfo()?.getProgramDirectory() || request.getPwd();
  const manifest = await readPackage(folder);
  const installed = await installedPackages(folder);
  const direct = { ...manifest?.dependencies, ...manifest?.devDependencies };
  return installed
    .filter(({ name = "" }) => request.getTransitivedependencies() || name in direct)
    .map(({ name = "", version = "" }) => ({ name, version }));
}

function options(info: ProgramInfo | undefined): Record<string, unknown> {
  return (info?.getOptions()?.toJavaScript() ?? {}) as Record<string, unknown>;
}

/** Arguments of `cmd/run` for one run; empty values are left out, as by the official host. */
export function runArguments(request: RunRequest.AsObject, engine: string): string[] {
  const flag = (name: string, value: string) => (value === "" ? [] : [`--${name}`, value]);
  return [
    ...flag("monitor", request.monitorAddress),
    ...flag("engine", engine),
    ...flag("organization", request.organization),
    ...flag("root-directory", request.info?.rootDirectory ?? ""),
    ...flag("project", request.project),
    ...flag("stack", request.stack),
    ...flag("pwd", request.pwd),
    ...(request.dryrun ? ["--dry-run"] : []),
    ...(request.querymode ? ["--query-mode"] : []),
    ...flag("parallel", String(request.parallel)),
    request.info?.entryPoint || ".",
    ...request.argsList,
  ];
}

async function run(request: RunRequest, call: grpc.ServerUnaryCall<RunRequest, RunResult>): Promise<RunResult> {
  const response = new language.RunResponse();
  const info = request.getInfo();
  const folder = info?.getProgramDirectory() || request.getPwd();
  let script: string;
  try {
    script = createRequire(join(folder, "package.json")).resolve("@pulumi/pulumi/cmd/run");
  } catch {
    response.setError(`the program in ${folder} has no @pulumi/pulumi installed; run \`npm install\` there first`);
    return response;
  }
  const { nodeargs = "", typescript = true, tsconfig } = options(info);
  const environment: NodeJS.ProcessEnv = {
    ...process.env,
    NODE_COMPILE_CACHE: compileCache,
    PULUMI_CONFIG: JSON.stringify(Object.fromEntries(request.getConfigMap().getEntryList())),
    PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(request.getConfigsecretkeysList()),
    PULUMI_NODEJS_TYPESCRIPT: String(typescript !== false),
    ...(typeof tsconfig === "string" ? { PULUMI_NODEJS_TSCONFIG_PATH: tsconfig } : {}),
  };
  const nodeArguments = String(nodeargs).split(/\s+/).filter(Boolean);
  const child = spawn(
    process.execPath,
    [...nodeArguments, script, ...runArguments(request.toObject(), engineAddress)],
    { cwd: request.getPwd() || folder, env: environment, stdio: ["ignore", "inherit", "inherit"] },
  );
  const stop = () => child.kill("SIGTERM");
  call.on("cancelled", stop);
  process.once("exit", stop);
  return await new Promise<RunResult>((resolve) => {
    child.once("error", (error) => {
      response.setError(`Node could not be started: ${error.message}`);
      resolve(response);
    });
    child.once("exit", (code, signal) => {
      process.off("exit", stop);
      if (code === ERROR_ALREADY_SHOWN) response.setBail(true);
      else if (code !== 0) response.setError(`Program exited with ${signal ?? `non-zero exit code: ${code}`}`);
      resolve(response);
    });
  });
}

function install(call: grpc.ServerWritableStream<InstallDependenciesRequest, InstallResponse>): void {
  const folder = call.request.getInfo()?.getProgramDirectory() || call.request.getDirectory();
  const child = spawn("npm", ["install"], { cwd: isAbsolute(folder) ? folder : process.cwd() });
  const forward = (set: (response: InstallResponse, chunk: Buffer) => void) => (chunk: Buffer) => {
    const response = new language.InstallDependenciesResponse();
    set(response, chunk);
    call.write(response);
  };
  child.stdout.on(
    "data",
    forward((response, chunk) => response.setStdout(chunk)),
  );
  child.stderr.on(
    "data",
    forward((response, chunk) => response.setStderr(chunk)),
  );
  child.once("error", (error) => call.destroy(error));
  child.once("close", (code) =>
    code === 0 ? call.end() : call.destroy(new Error(`npm install exited with code ${code}`)),
  );
}

const handlers: grpc.UntypedServiceImplementation = {
  handshake: unary(async () => new language.LanguageHandshakeResponse()),
  getRequiredPackages: unary(async (request: InstanceType<typeof language.GetRequiredPackagesRequest>) => {
    const response = new language.GetRequiredPackagesResponse();
    for (const { name, version, server } of await requiredPlugins(request.getInfo())) {
      const dependency = new plugin.PackageDependency();
      dependency.setName(name);
      dependency.setKind("resource");
      dependency.setVersion(version);
      dependency.setServer(server);
      response.addPackages(dependency);
    }
    return response;
  }),
  getProgramDependencies: unary(async (request: GetProgramDependenciesRequest) => {
    const response = new language.GetProgramDependenciesResponse();
    for (const { name, version } of await programDependencies(request)) {
      const dependency = new language.DependencyInfo();
      dependency.setName(name);
      dependency.setVersion(version);
      response.addDependencies(dependency);
    }
    return response;
  }),
  getPluginInfo: unary(async () => {
    const response = new plugin.PluginInfo();
    response.setVersion((await readPackage(join(import.meta.dirname, "..")))?.version ?? "0.0.0");
    return response;
  }),
  about: unary(async () => {
    const response = new language.AboutResponse();
    response.setExecutable(process.execPath);
    response.setVersion(process.version);
    return response;
  }),
  runtimeOptionsPrompts: unary(async () => new language.RuntimeOptionsResponse()),
  installDependencies: install,
  run: unary(run),
};

if (import.meta.main) {
  // A run that is being cancelled takes its program with it (see `run`).
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(0));
  await servePlugin(languageGrpc.LanguageRuntimeService, handlers);
}
