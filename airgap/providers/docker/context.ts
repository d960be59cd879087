/** A build context: which files the builder sees, and a digest of them. */
import { createHash } from "node:crypto";
import { existsSync, type Stats } from "node:fs";
import { lstat, readdir, readFile, realpath } from "node:fs/promises";
import { isAbsolute, join, posix, relative, resolve } from "node:path";
import dockerignore from "@balena/dockerignore";

export interface ContextFile {
  /** Relative to the context, with `/`. */
  path: string;
  stats: Stats;
}

/** `<Dockerfile>.dockerignore` goes before the context's own, as for `docker build`. */
async function ignorePatterns(context: string, dockerfile: string): Promise<string> {
  const candidates = [`${dockerfile}.dockerignore`, join(context, ".dockerignore")];
  const file = candidates.find((candidate) => existsSync(candidate));
  return file ? await readFile(file, "utf8") : "";
}

/** Every file and link that the builder gets, in the order in which a walk by name meets them. */
export async function contextFiles(context: string, dockerfile: string): Promise<ContextFile[]> {
  const ignore = dockerignore.default({ ignorecase: false }).add(await ignorePatterns(context, dockerfile));
  const found: ContextFile[] = [];
  const walk = async (folder: string): Promise<void> => {
    for (const name of (await readdir(folder)).toSorted(byBytes)) {
      const absolute = join(folder, name);
      const path = relative(context, absolute).split("\\").join("/");
      const stats = await lstat(absolute);
      // An excluded folder may hold files that a later `!pattern` takes back, so it is walked all the same.
      if (stats.isDirectory()) await walk(absolute);
      else if (!ignore.ignores(path)) found.push({ path, stats });
    }
  };
  await walk(context);
  return found;
}

const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** A file mode as Go writes it: `-rw-r--r--`, `Lrwxrwxrwx`. */
export function goMode(stats: Pick<Stats, "mode"> & { isSymbolicLink(): boolean }): string {
  const letters = "rwxrwxrwx";
  const permissions = [...letters].map((letter, bit) => (stats.mode & (1 << (8 - bit)) ? letter : "-")).join("");
  const special = `${stats.isSymbolicLink() ? "L" : ""}${stats.mode & 0o4000 ? "u" : ""}${stats.mode & 0o2000 ? "g" : ""}${stats.mode & 0o1000 ? "t" : ""}`;
  return `${special || "-"}${permissions}`;
}

/**
 * The official provider's `contextDigest`: a hash over name, mode and content of each file, after the Dockerfile
 * (always first, and always under the name `Dockerfile`), so that a renamed, changed or newly executable file shows.
 */
export async function contextDigest(context: string, dockerfile: string): Promise<string> {
  const total = createHash("sha256");
  const add = (name: string, mode: string, content: Buffer) => {
    total.update(posix.normalize(name)).update(mode).update(createHash("sha256").update(content).digest()).update("\0");
  };
  add("Dockerfile", "----------", await readFile(dockerfile));
  for (const { path, stats } of await contextFiles(context, dockerfile)) {
    const absolute = resolve(context, path);
    if (stats.isSymbolicLink()) add(path, goMode(stats), Buffer.from(await linkTarget(context, absolute)));
    else add(path, goMode(stats), stats.isFile() ? await readFile(absolute) : Buffer.alloc(0));
  }
  return total.digest("hex");
}

/** Where a link leads in the end: relative to the program, as the context is, so that clones agree. */
async function linkTarget(context: string, link: string): Promise<string> {
  const target = await realpath(link).catch(() => {
    throw new Error(`the build context ${context} holds ${relative(context, link)}, a link that leads nowhere`);
  });
  return isAbsolute(context) ? target : relative(await realpath("."), target);
}
