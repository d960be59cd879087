import type { ServerDefinition } from "../components/server-definition.ts";
import { serverSchema } from "./schema.ts";
import { whyLeftOut } from "./secrets.ts";

type Raw = Readonly<Record<string, unknown>>;
/** Whether a value is an object of keys, as a list is not. */
export const isObject = (value: unknown): value is Raw =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Servers that run, as far as a configuration can be read as it is written: what is wrong with it is said elsewhere. */
export function readableServers(
  raw: { readonly servers?: unknown; readonly secrets?: unknown },
  catalogue: readonly ServerDefinition[],
) {
  const listed = isObject(raw.servers) ? raw.servers : {};
  const secrets = isObject(raw.secrets) ? raw.secrets : {};
  return catalogue.flatMap((definition) => {
    const options = listed[definition.name];
    if (!isObject(options) || options.enabled === false) return [];
    const given = secrets[definition.name];
    // Undefined where the options have problems of their own.
    const { data: parsed } = serverSchema(definition).safeParse(options);
    if (parsed && whyLeftOut(definition, parsed, isObject(given) ? given : {}) !== undefined) return [];
    return [{ definition, options, parsed, path: `mcp:servers.${definition.name}` }];
  });
}

export type ReadableServer = ReturnType<typeof readableServers>[number];
