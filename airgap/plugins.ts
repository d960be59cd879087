/**
 * The language host and the provider plugins: official ones where they can be had, else the stand-ins of this
 * project. Those live in `.mcp/`, never in the user's own Pulumi folder, so official plugins installed later win.
 */
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { localFolder, nodeBinary, projectFolder } from "../cli/paths.ts";
import { findProgram, isExecutable, pathWithout } from "../cli/programs.ts";
import type { Step } from "../cli/progress.ts";
import { ask } from "../cli/run.ts";
import { downloadsAnswer } from "./pulumi-cli.ts";

const LANGUAGE_HOST = "pulumi-language-nodejs";
const INSTALL_MS = 300_000;

/** A provider plugin as package.json pins its SDK. */
export interface PluginPin {
  name: string;
  version: string;
}

/** The provider plugins that the program needs: an SDK wants the plugin of its own version. */
export function pluginPins(
  packageJson: { dependencies?: Record<string, string> } = JSON.parse(
    readFileSync(join(projectFolder, "package.json"), "utf8"),
  ),
): PluginPin[] {
  return Object.entries(packageJson.dependencies ?? {}).flatMap(([name, version]) => {
    const provider = /^@pulumi\/(?!pulumi$)(.+)$/.exec(name)?.[1];
    return provider === undefined ? [] : [{ name: provider, version }];
  });
}

/** Folder of a plugin inside a Pulumi home. */
export const pluginFolder = ({ name, version }: PluginPin) => join("plugins", `resource-${name}-v${version}`);

/** The user's own Pulumi folder. One of ours, left in the environment by `npm run env`, is not theirs. */
export function userPulumiHome(env: NodeJS.ProcessEnv = process.env): string {
  const home = env.PULUMI_HOME;
  return home && home !== ownPulumiHome ? home : join(homedir(), ".pulumi");
}

/** The Pulumi folder of this clone, used only where stand-ins are. */
export const ownPulumiHome = join(localFolder, "pulumi-home");

/** Folder of this clone's wrappers, first on PATH. */
export const wrapperFolder = join(localFolder, "bin");

/** The plugins that are official here already, and those that are not. */
export function officialPlugins(home = userPulumiHome()): { official: PluginPin[]; missing: PluginPin[] } {
  const isOfficial = (pin: PluginPin) => {
    const folder = join(home, pluginFolder(pin));
    // Pulumi marks an installation that is not complete with a file beside it.
    return isExecutable(join(folder, `pulumi-resource-${pin.name}`)) && !existsSync(`${folder}.partial`);
  };
  const pins = pluginPins();
  return { official: pins.filter(isOfficial), missing: pins.filter((pin) => !isOfficial(pin)) };
}

/** Whether the CLI comes with its language host, beside it or on PATH. */
export function hasLanguageHost(pulumi: string): boolean {
  const path = pathWithout(process.env.PATH, wrapperFolder);
  return (
    isExecutable(join(dirname(realpathSync(pulumi)), LANGUAGE_HOST)) || findProgram(LANGUAGE_HOST, path) !== undefined
  );
}

/** What was provided. */
export interface Plugins {
  /** The stand-ins in use, by name; empty where everything is official. */
  standIns: string[];
  /** Set when stand-ins for provider plugins are used. */
  pulumiHome: string | undefined;
}

/** Sees to it that the CLI finds a language host and the provider plugins; `pulumi` is also put on our own PATH. */
export async function providePlugins(step: Step, pulumi: string, install: boolean): Promise<Plugins> {
  let { official, missing } = officialPlugins();
  if (missing.length > 0 && install && (await downloadsAnswer())) {
    for (const pin of missing) {
      step.say(`installing the official ${pin.name} plugin ${pin.version}`);
      const env = { ...process.env, PULUMI_HOME: userPulumiHome(), PULUMI_SKIP_UPDATE_CHECK: "true" };
      await ask(pulumi, ["plugin", "install", "resource", pin.name, pin.version], { env, timeout: INSTALL_MS });
    }
    ({ official, missing } = officialPlugins());
  }
  mkdirSync(wrapperFolder, { recursive: true });
  replaceLink(nodeBinary, join(wrapperFolder, "node"));
  const standIns = missing.map((pin) => pin.name);
  const hostMissing = !hasLanguageHost(pulumi);
  const hostWrapper = join(wrapperFolder, LANGUAGE_HOST);
  if (hostMissing) {
    standIns.unshift("language host");
    writeWrapper(hostWrapper, "airgap/language-host.ts");
    // The engine is content with a language host beside the very program that runs; any other it warns about.
    copyProgram(realpathSync(pulumi), join(wrapperFolder, "pulumi"));
  } else {
    rmSync(hostWrapper, { force: true });
    replaceLink(pulumi, join(wrapperFolder, "pulumi"));
  }
  if (missing.length === 0) return { standIns, pulumiHome: undefined };
  for (const pin of missing) {
    const folder = join(ownPulumiHome, pluginFolder(pin));
    mkdirSync(folder, { recursive: true });
    writeWrapper(join(folder, `pulumi-resource-${pin.name}`), `airgap/providers/${pin.name}/main.ts`);
  }
  for (const pin of official) {
    replaceLink(join(userPulumiHome(), pluginFolder(pin)), join(ownPulumiHome, pluginFolder(pin)));
  }
  return { standIns, pulumiHome: ownPulumiHome };
}

/** A shell program that runs a file of this clone with this clone's Node, whatever is on PATH. */
export function wrapperText(script: string, node = nodeBinary): string {
  const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
  return `#!/bin/sh\n# Written by the set-up (airgap/plugins.ts) on every run.\nexec ${quote(node)} ${quote(script)} "$@"\n`;
}

function writeWrapper(file: string, script: string): void {
  const text = wrapperText(join(projectFolder, script));
  if (existsSync(file) && readFileSync(file, "utf8") === text) return;
  const unfinished = `${file}.${process.pid}`;
  writeFileSync(unfinished, text, { mode: 0o755 });
  renameSync(unfinished, file);
}

function replaceLink(target: string, link: string): void {
  const unfinished = `${link}.${process.pid}`;
  rmSync(unfinished, { force: true });
  symlinkSync(target, unfinished);
  rmSync(link, { force: true, recursive: true });
  renameSync(unfinished, link);
}

/** A second name for a program, or a copy where the folders are on different file systems. */
function copyProgram(program: string, file: string): void {
  const unfinished = `${file}.${process.pid}`;
  rmSync(unfinished, { force: true });
  try {
    linkSync(program, unfinished);
  } catch {
    copyFileSync(program, unfinished);
  }
  renameSync(unfinished, file);
  // Renaming a link onto another link to the same file does nothing and leaves both.
  rmSync(unfinished, { force: true });
}
