// Runs before every npm script, on whatever Node the machine has, with nothing installed: so plain JavaScript and
// no imports but Node's own. It installs the locked packages when they are missing or older than the lock file;
// Node 24 is one of them, at node_modules/.bin/node. The scripts name it by that path: a shell that has just run
// another `node` from PATH remembers where it found it. With --check it only says whether anything is missing.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamp = join(root, "node_modules", ".mcp-installed");
const wanted = createHash("sha256")
  .update(readFileSync(join(root, "package-lock.json")))
  .update(readFileSync(join(root, "package.json")))
  .digest("hex");
const installed = existsSync(stamp) ? readFileSync(stamp, "utf8") : "";

if (installed !== wanted && process.argv.includes("--check")) {
  const what = installed === "" ? "not installed" : "not those that package-lock.json names";
  console.error(`MISSING packages: ${what}; every other command, for example \`npm run up\`, installs them first`);
  process.exit(1);
} else if (installed !== wanted) {
  const started = Date.now();
  const elapsed = () => `${Math.round((Date.now() - started) / 1000)} s`;
  console.error("packages: installing what package-lock.json names (about a minute from empty caches)");
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  // Not `npm ci`: a mirror that lacks other platforms' optional binaries leaves them out of the lock file, and `npm ci`
  // refuses such a file. This installs the same locked versions and leaves the lock file alone.
  const args = ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"];
  const result = spawnSync(npm, args, { cwd: root, stdio: "inherit" });
  if (result.status !== 0) {
    console.error(`packages: \`npm install\` failed after ${elapsed()}; is the npm registry reachable? (npm ping)`);
    process.exit(result.status ?? 1);
  }
  writeFileSync(stamp, wanted);
  console.error(`packages: installed in ${elapsed()}`);
}
