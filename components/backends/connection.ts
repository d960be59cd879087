import type { BackendOptions } from "../../config/backend-schema.ts";
import { backendNamed } from "./catalogue.ts";
import type { BackendName, BackendUse, DatabaseUse } from "./definition.ts";

/** `mcp:backends`, checked and with its defaults. */
export type BackendsConfig = Readonly<Record<string, BackendOptions>>;

/** Options of one backend. */
export function optionsOf(backends: BackendsConfig, name: BackendName): BackendOptions {
  const options = backends[name];
  if (!options) throw new Error(`the configuration has no backend "${name}"`);
  return options;
}

/** Where the clients of a database backend find it. */
function address(use: DatabaseUse, backends: BackendsConfig): { host: string; port: number } {
  const { mode, host, port } = optionsOf(backends, use.backend);
  const definition = backendNamed(use.backend);
  return mode === "existing"
    ? { host: host ?? use.backend, port: port ?? definition.port }
    : { host: use.backend, port: definition.port };
}

/**
 * Environment of a server that uses a backend: libpq's variables, or the backend's URL. The password comes beside it,
 * as a secret.
 */
export function clientEnvs(use: BackendUse, backends: BackendsConfig): Record<string, string> {
  if (!("role" in use)) {
    const { mode, url } = optionsOf(backends, use.backend);
    const own = `http://${use.backend}:${backendNamed(use.backend).port}`;
    return { [`${use.backend.toUpperCase()}_URL`]: mode === "existing" ? (url ?? own) : own };
  }
  const { host, port } = address(use, backends);
  return { PGHOST: host, PGPORT: String(port), PGUSER: use.role, PGDATABASE: use.databases[0].name };
}

/** Networks, made by somebody else, that a client joins to find its backends. */
export const clientNetworks = (uses: readonly BackendUse[], backends: BackendsConfig): string[] => [
  ...new Set(
    uses.flatMap(({ backend }) => {
      const { mode, network } = optionsOf(backends, backend);
      return mode === "existing" && network !== undefined ? [network] : [];
    }),
  ),
];
