import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import dockerignore from "@balena/dockerignore";

/**
 * Digest of all that a Docker build can read in a folder: each file's path, permission to execute and contents, but
 * for what its `.dockerignore` leaves out. Times and owners do not count, so two clones of one commit agree.
 */
export function contextDigest(folder: string): string {
  const ignoreFile = join(folder, ".dockerignore");
  const rules = existsSync(ignoreFile) ? readFileSync(ignoreFile, "utf8") : "";
  const kept = dockerignore.default().add(rules).createFilter();
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => ({ entry, path: join(entry.parentPath, entry.name).slice(folder.length + 1) }))
    // The engine reads these two whatever the rules say.
    .filter(({ path }) => kept(path) || path === "Dockerfile" || path === ".dockerignore")
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  const hash = createHash("sha256");
  for (const { entry, path } of files) {
    const full = join(folder, path);
    const executable = !entry.isSymbolicLink() && (statSync(full).mode & 0o100) !== 0;
    const contents = entry.isSymbolicLink() ? readlinkSync(full) : readFileSync(full);
    hash.update(`${path}\0${executable}\0`).update(createHash("sha256").update(contents).digest());
  }
  return hash.digest("hex");
}
