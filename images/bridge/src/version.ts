import { findPackageJSON } from "node:module";
import { readFileSync } from "./node-builtins.ts";

/** Version of this bridge, from its package.json. */
export function bridgeVersion(): string {
  // The compiled package lies one folder deeper than the sources, so it is looked for.
  const text = readFileSync(findPackageJSON("..", import.meta.url) ?? "", "utf8");
  return (JSON.parse(text) as { version: string }).version;
}
