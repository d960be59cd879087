/** Locks that a killed Pulumi left in this clone's own backend; every later command would refuse to work. */
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";

/** What Pulumi writes into a lock of its folder backend. */
interface LockFile {
  pid?: number;
  hostname?: string;
}

/** Whether the process that took a lock is gone. A lock of another host cannot be judged from here, and stays. */
export function isStaleLock(
  lock: LockFile,
  here: string,
  commandOf: (pid: number) => string | undefined,
): lock is Required<LockFile> {
  return lock.hostname === here && lock.pid !== undefined && commandOf(lock.pid) !== "pulumi";
}

/** Removes such locks from a state folder; resolves to the pids of those that had them. */
export function removeStaleLocks(stateFolder: string): number[] {
  const locks = join(stateFolder, ".pulumi", "locks");
  // Whose process a number is can be told only where there is /proc.
  if (!existsSync(locks) || !existsSync("/proc/self/comm")) return [];
  return readdirSync(locks, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".json"))
    .flatMap((name) => {
      const file = join(locks, name);
      const lock = readLock(file);
      if (!isStaleLock(lock, hostname(), commandOf)) return [];
      for (const path of [file, `${file}.attrs`]) rmSync(path, { force: true });
      return [lock.pid];
    });
}

function readLock(file: string): LockFile {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    // Being written or being removed by its owner just now.
    return {};
  }
}

function commandOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return undefined;
  }
}
