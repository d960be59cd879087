import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

const isRunning = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/**
 * A folder of this process alone, which goes with it; those of processes that were killed, and could not clear up, go
 * when the next one starts.
 */
export function makeSessionFolder(parent: string): string {
  for (const name of readdirSync(parent)) {
    const [, pid] = /^session-(\d+)$/.exec(name) ?? [];
    if (pid !== undefined && (Number(pid) === process.pid || !isRunning(Number(pid))))
      rmSync(join(parent, name), { recursive: true, force: true });
  }
  const folder = join(parent, `session-${process.pid}`);
  mkdirSync(folder, { mode: 0o700 });
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
