import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export interface BenchChild {
  readonly command: readonly string[];
  /** Said in the output: a Node child hides some of a host's cost behind its own. */
  readonly what: string;
}

/** The server behind every host: child.c where there is a compiler, else child.ts. */
export function benchChild(cache: string): BenchChild {
  const source = fileURLToPath(new URL("child.c", import.meta.url));
  const digest = createHash("sha256").update(readFileSync(source)).digest("hex").slice(0, 12);
  const binary = join(cache, `child-${digest}`);
  const native = { command: [binary], what: "native (child.c, cc -O2)" };
  if (existsSync(binary)) return native;
  mkdirSync(cache, { recursive: true });
  const unfinished = `${binary}.${process.pid}`;
  const cc = (...flags: string[]) => spawnSync("cc", ["-O2", ...flags, "-o", unfinished, source], { encoding: "utf8" });
  // Static where that can be linked: half the memory, so that a host's own part of a session is seen.
  let built = cc("-static");
  if (built.status !== 0) built = cc();
  if (built.status === 0) {
    renameSync(unfinished, binary);
    return native;
  }
  const reason = built.error === undefined ? `cc failed: ${built.stderr.split("\n")[0]}` : "no cc on this machine";
  const node = fileURLToPath(new URL("child.ts", import.meta.url));
  return { command: [process.execPath, node], what: `Node (child.ts; ${reason})` };
}
