/** One set-up at a time per cache folder: two at once would build the same things into the same places. */
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Step } from "./progress.ts";

/** Who holds a lock: the pid, and its start time, since pids come round again. */
function ownerOf(pid: number): string | undefined {
  try {
    // Field 22, counted after the name in parentheses, which may hold spaces.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return `${pid} ${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]}`;
  } catch {
    return isAlive(pid) ? `${pid} ?` : undefined;
  }
}

/**
 * Waits until no other process holds the lock of this folder, then holds it; a lock whose owner is gone does not
 * count. Resolves to what lets it go; the end of this process does so too.
 */
export async function takeLock(folder: string, step: Step): Promise<() => void> {
  mkdirSync(folder, { recursive: true });
  const lock = join(folder, "setup.lock");
  const mine = join(folder, `setup.lock.${process.pid}`);
  writeFileSync(mine, ownerOf(process.pid) ?? `${process.pid} ?`);
  try {
    let told = false;
    while (!take(mine, lock)) {
      const owner = readOrUndefined(lock);
      if (owner !== undefined && ownerOf(Number.parseInt(owner, 10)) !== owner) {
        removeStale(lock, owner, mine);
        continue;
      }
      if (!told) step.say(`another set-up is running (process ${owner?.split(" ")[0] ?? "?"}): waiting for it`);
      told = true;
      step.tail("waiting for the other set-up");
      await sleep(500);
    }
  } finally {
    rmSync(mine, { force: true });
  }
  const release = () => {
    process.off("exit", release);
    rmSync(lock, { force: true });
  };
  process.once("exit", release);
  return release;
}

/** A hard link is made or refused in one step, with the owner's name in it from the start. */
function take(mine: string, lock: string): boolean {
  try {
    linkSync(mine, lock);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Moves a stale lock aside; should another process have taken it over in between, that one gets it back. */
function removeStale(lock: string, owner: string, mine: string): void {
  const aside = `${mine}.stale`;
  try {
    renameSync(lock, aside);
  } catch {
    return;
  }
  if (readOrUndefined(aside) !== owner) take(aside, lock);
  rmSync(aside, { force: true });
}

function readOrUndefined(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
