/** The host's Debian packages: which mirror it uses, and installing what is missing. */
import { existsSync, readFileSync } from "node:fs";
import { SetupError, type Step } from "../cli/progress.ts";
import { ask, runLogged } from "../cli/run.ts";

/** Debian mirrors in use on this host; undefined where it names none (another distribution, or no apt). */
export interface AptMirrors {
  main: string | undefined;
  security: string | undefined;
}

const INDEX_FORMAT = "$(REPO_URI) $(ORIGIN) $(CODENAME) $(COMPONENT) $(CREATED_BY)";

/**
 * Reads `apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(CODENAME) $(COMPONENT) $(CREATED_BY)'`.
 * Only Debian's own `main` counts, and only by HTTP: a CD-ROM or a folder is of no use inside a container.
 */
export function parseIndexTargets(text: string): AptMirrors {
  const mirrors: AptMirrors = { main: undefined, security: undefined };
  for (const line of text.split("\n")) {
    const [uri, origin, codename, component, createdBy] = line.trim().split(/\s+/);
    if (origin !== "Debian" || component !== "main" || createdBy !== "Packages") continue;
    if (uri === undefined || codename === undefined || !/^https?:\/\//.test(uri)) continue;
    const mirror = uri.replace(/\/+$/, "");
    if (codename.endsWith("-security")) mirrors.security ??= mirror;
    else if (!codename.includes("-")) mirrors.main ??= mirror;
  }
  return mirrors;
}

/** The mirrors that this host's apt is configured with. */
export async function hostMirrors(): Promise<AptMirrors> {
  return parseIndexTargets((await ask("apt-get", ["indextargets", "--format", INDEX_FORMAT])).stdout);
}

/** Whether packages can be installed here: root, on Debian or a distribution made from it. */
export function canInstall(uid: number | undefined, osRelease: string): boolean {
  return uid === 0 && /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(osRelease);
}

/** {@link canInstall} for this process and host. */
export function canInstallHere(): boolean {
  const osRelease = existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "";
  return canInstall(process.getuid?.(), osRelease);
}

/** The packages among `names` that are not installed. */
export async function missingPackages(names: string[]): Promise<string[]> {
  const missing: string[] = [];
  for (const name of names) {
    const { stdout } = await ask("dpkg-query", ["-W", "-f", `\${db:Status-Status}`, name]);
    if (stdout !== "installed") missing.push(name);
  }
  return missing;
}

/** Installs packages; asks the mirrors for fresh lists only when the present lists do not do. */
export async function installPackages(step: Step, names: string[], logFile: string): Promise<void> {
  const missing = await missingPackages(names);
  if (missing.length === 0) return;
  const command = ["install", "-y", "--no-install-recommends", ...missing];
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const options = { logFile, env, remedy: `run \`apt-get update && apt-get ${command.join(" ")}\` and try again` };
  step.say(`installing Debian packages: ${missing.join(" ")}`);
  try {
    await runLogged(step, "apt-get", command, options);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    await runLogged(step, "apt-get", ["update"], options);
    await runLogged(step, "apt-get", command, options);
  }
}
