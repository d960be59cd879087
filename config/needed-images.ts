import type { ServerDefinition } from "../components/server-definition.ts";
import { usedBackends } from "./backend-problems.ts";
import { readableServers } from "./readable-servers.ts";
import type { BaseImageName } from "./schema.ts";

/**
 * Base images that a configuration builds on: those of the bridge, of the servers that are on, of the backends that
 * run for them, and of the gateway. The configuration is as it is written; what is wrong with it is said elsewhere.
 */
export function neededImages(
  raw: { readonly servers?: unknown; readonly backends?: unknown; readonly secrets?: unknown },
  catalogue: readonly ServerDefinition[],
): BaseImageName[] {
  const servers = readableServers(raw, catalogue);
  const running = usedBackends(servers, raw.backends).filter(
    ({ options }) => options.mode !== "existing" || options.adminUser !== undefined,
  );
  const images = [
    "node" as const,
    ...servers.flatMap(({ definition }) => definition.baseImages),
    ...running.map(({ definition }) => definition.baseImage),
    ...(servers.some(({ definition }) => definition.asksOthers) ? (["traefik"] as const) : []),
  ];
  return [...new Set(images)];
}
