import type { ServerDefinition } from "../components/server-definition.ts";
import type { ServerOptions } from "./schema.ts";

type Options = ServerOptions & Record<string, unknown>;
type Given = Readonly<Record<string, unknown>>;

/** Secrets that a server takes with these options. */
export const neededSecrets = ({ secrets = [] }: ServerDefinition, options: Options) =>
  secrets.filter(({ neededFor }) => neededFor?.(options) ?? true);

/** How a user sets a secret. */
export const settingSecret = (server: string, key: string) =>
  `\`pulumi config set --secret --path mcp:secrets.${server}.${key}\``;

/** Why a server that is on in the configuration is left out all the same, if it is. */
export function whyLeftOut(definition: ServerDefinition, options: Options, given: Given): string | undefined {
  const missing = neededSecrets(definition, options).find(
    ({ key, ifMissing }) => ifMissing === "leave out" && given[key] === undefined,
  );
  return (
    missing &&
    `${definition.name} is left out: mcp:secrets.${definition.name}.${missing.key} is not set; ${settingSecret(definition.name, missing.key)} (${missing.remedy})`
  );
}
