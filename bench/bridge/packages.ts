import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Step } from "../../cli/progress.ts";
import { runLogged } from "../../cli/run.ts";

/** A published package, pinned. */
export interface Package {
  readonly kind: "npm" | "pypi" | "go";
  readonly name: string;
  readonly version: string;
}

/** What is named after a package: its folder, a line about it. */
export function packageTitle({ name, version }: Package): string {
  return `${name.split("/").at(-1)} ${version}`;
}

/** Where a package's programs are. */
export function binFolder({ kind }: Package, folder: string): string {
  return kind === "npm" ? join(folder, "node_modules/.bin") : join(folder, "bin");
}

/** Installs the package into a folder of its own below `cache`, unless it is there; resolves with the folder. */
export async function install(wanted: Package, cache: string, step: Step): Promise<string> {
  const folder = join(cache, `${wanted.kind}-${packageTitle(wanted).replaceAll(" ", "-")}`);
  const done = join(folder, "installed");
  if (existsSync(done)) return folder;
  // What an interrupted installation has left is no installation.
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const options = { cwd: folder, logFile: join(folder, "install.log") };
  const run = (command: string, ...args: string[]): Promise<void> => runLogged(step, command, args, options);
  step.say(`installing ${packageTitle(wanted)} (${wanted.kind}) into ${folder}`);
  if (wanted.kind === "npm") {
    writeFileSync(join(folder, "package.json"), '{"private":true}\n');
    await run("npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", `${wanted.name}@${wanted.version}`);
  } else if (wanted.kind === "pypi") {
    await run("python3", "-m", "venv", ".");
    await run("bin/pip", "install", "--disable-pip-version-check", `${wanted.name}==${wanted.version}`);
  } else {
    // Not `go install NAME@VERSION`: that asks for the list of versions too, which not every mirror has.
    writeFileSync(join(folder, "go.mod"), `module bench\n\nrequire ${wanted.name} ${wanted.version}\n`);
    await run("go", "build", "-mod=mod", "-o", "bin/", wanted.name);
  }
  writeFileSync(done, "");
  return folder;
}
