import type { BackendDefinition, BackendName } from "./definition.ts";
import { loki } from "./loki.ts";
import { netdata } from "./netdata.ts";
import { postgres } from "./postgres.ts";
import { timescaledb } from "./timescaledb.ts";

/** Every backend there is. */
export const backendCatalogue: readonly BackendDefinition[] = [postgres, timescaledb, loki, netdata];

/** One of them. */
export function backendNamed(name: BackendName): BackendDefinition {
  const found = backendCatalogue.find((definition) => definition.name === name);
  if (!found) throw new Error(`no backend is named "${name}"; add it to components/backends/catalogue.ts`);
  return found;
}
