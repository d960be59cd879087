/** Folders for half-made things, inside the cache. What an interrupted run left there is worth nothing. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { SetupError } from "../cli/progress.ts";
import { ask } from "../cli/run.ts";

/** A new empty folder for one piece of work. */
export function makeWorkFolder(cache: string, name: string): string {
  const work = join(cache, "work");
  mkdirSync(work, { recursive: true });
  return mkdtempSync(join(work, `${name}-`));
}

/** Removes what earlier runs left; only to be called by who holds the lock. */
export async function clearWorkFolders(cache: string): Promise<void> {
  const work = join(cache, "work");
  for (const name of existsSync(work) ? readdirSync(work) : []) await removeWorkFolder(join(work, name));
}

/** Removes a work folder; file systems that debootstrap had mounted in it are let go first, not emptied. */
export async function removeWorkFolder(folder: string): Promise<void> {
  const mounts = existsSync("/proc/self/mounts") ? readFileSync("/proc/self/mounts", "utf8") : "";
  for (const mount of mountsUnder(folder, mounts)) {
    const { ok, stderr } = await ask("umount", [mount]);
    if (!ok) throw new SetupError(`cannot unmount ${mount}: ${stderr.trim()}`, { remedy: `run \`umount ${mount}\`` });
  }
  rmSync(folder, { recursive: true, force: true });
}

/** Mount points inside a folder, the innermost first. */
export function mountsUnder(folder: string, mounts: string): string[] {
  return mounts
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((path) => path.startsWith(`${folder}/`))
    .sort((a, b) => b.length - a.length);
}
