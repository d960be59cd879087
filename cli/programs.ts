/** Finding programs on PATH, and comparing their versions. */
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/** PATH without a folder: our own wrappers must not be taken for what the user has installed. */
export function pathWithout(path: string | undefined, folder: string): string {
  return (path ?? "")
    .split(delimiter)
    .filter((entry) => entry !== "" && entry !== folder)
    .join(delimiter);
}

/** The first executable of that name on PATH; the folders for administration count even if PATH lacks them. */
export function findProgram(name: string, path = process.env.PATH ?? ""): string | undefined {
  for (const folder of [...path.split(delimiter), "/usr/sbin", "/sbin"]) {
    const candidate = join(folder, name);
    if (folder !== "" && isExecutable(candidate)) return candidate;
  }
  return undefined;
}

/** Whether a file is there and may be executed. */
export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** `v3.259.0` and the like as numbers; undefined when it is no version. What follows the three numbers is ignored. */
export function parseVersion(text: string): [number, number, number] | undefined {
  const match = /^(?:go|v)?(\d+)\.(\d+)(?:\.(\d+))?/.exec(text.trim());
  return match ? [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)] : undefined;
}

/** Whether `version` is `least` or newer; false for what is no version. */
export function atLeast(version: string, least: string): boolean {
  const [a, b] = [parseVersion(version), parseVersion(least)];
  if (a === undefined || b === undefined) return false;
  for (const index of [0, 1, 2] as const) if (a[index] !== b[index]) return a[index] > b[index];
  return true;
}
