/** What the set-up reads and writes in a stack's own YAML, `Pulumi.<stack>.yaml`. */
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { catalogue } from "../components/catalogue.ts";
import { neededImages } from "../config/needed-images.ts";
import type { BaseImageName } from "../config/schema.ts";
import { projectFolder } from "./paths.ts";

/** The stack's file; a stack may be named with its organization. */
export const stackFile = (stack: string) => join(projectFolder, `Pulumi.${stack.split("/").at(-1)}.yaml`);

/** The stacks that have a file here. */
export function stacksWithFile(names = readdirSync(projectFolder)): string[] {
  return names.flatMap((name) => /^Pulumi\.(.+)\.yaml$/.exec(name)?.[1] ?? []);
}

/** What a stack's file says under `config`; empty when there is none. */
function configOf(stack: string): Record<string, unknown> {
  const file = stackFile(stack);
  const config = existsSync(file) ? parse(readFileSync(file, "utf8"))?.config : undefined;
  return typeof config === "object" && config !== null ? config : {};
}

/** `mcp:images` of a stack; empty when it has none. */
export function configuredImages(stack: string): Partial<Record<BaseImageName, string>> {
  const images = configOf(stack)["mcp:images"];
  return typeof images === "object" && images !== null ? images : {};
}

/** Base images that a stack builds on. */
export function imagesOf(stack: string): BaseImageName[] {
  const config = configOf(stack);
  const { "mcp:servers": servers, "mcp:backends": backends, "mcp:secrets": secrets } = config;
  return neededImages({ servers, backends, secrets }, catalogue);
}

/**
 * The text without an `encryptionsalt` that nothing is encrypted with. A file keeps the salt of the passphrase it was
 * last used with; where that passphrase is gone and the file holds no secret, the salt only stands in the way.
 */
export function withoutIdleSalt(text: string): string {
  return holdsSecrets(text) ? text : text.replace(/^encryptionsalt:.*\n?/m, "");
}

/** Whether a stack's file holds encrypted values. */
function holdsSecrets(text: string): boolean {
  return /^\s*(- )?secure:/m.test(text);
}

/** The stacks whose files here can only be read with the passphrase that they were written with. */
export function stacksWithSecrets(): string[] {
  return stacksWithFile().filter((stack) => {
    const text = readFileSync(stackFile(stack), "utf8");
    return holdsSecrets(text) && /^encryptionsalt:/m.test(text);
  });
}

/** Applies {@link withoutIdleSalt} to a stack's file; true when it changed. */
export function removeIdleSalt(stack: string): boolean {
  const file = stackFile(stack);
  if (!existsSync(file)) return false;
  const before = readFileSync(file, "utf8");
  const after = withoutIdleSalt(before);
  if (after === before) return false;
  writeFileSync(`${file}.${process.pid}`, after);
  renameSync(`${file}.${process.pid}`, file);
  return true;
}
