/** Where things live: the clone, what this clone alone knows (`.mcp/`), and the one cache folder outside it. */
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The project's folder. */
export const projectFolder = dirname(dirname(fileURLToPath(import.meta.url)));

/** Git-ignored folder of this clone: wrappers, state, passphrase. */
export const localFolder = join(projectFolder, ".mcp");

/** Node 24 of this clone's `node` package; wrappers must not depend on which Node is on PATH. */
export const nodeBinary = join(projectFolder, "node_modules", "node", "bin", "node");

/** The only folder that is written outside the clone; `npm run clean` removes it. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  return join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "mcp-infrastructure");
}
