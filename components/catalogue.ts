import type { ServerDefinition } from "./server-definition.ts";
import { fetch } from "./servers/fetch.ts";
import { filesystem } from "./servers/filesystem.ts";
import { github } from "./servers/github.ts";
import { memory } from "./servers/memory.ts";
import { monitoring } from "./servers/monitoring.ts";
import { n8n } from "./servers/n8n.ts";
import { playwright } from "./servers/playwright.ts";
import { postgres } from "./servers/postgres.ts";
import { timescaledb } from "./servers/timescaledb.ts";

/** Every server there is, in the order of their host ports. */
export const catalogue: readonly ServerDefinition[] = [
  filesystem,
  memory,
  monitoring,
  fetch,
  postgres,
  github,
  n8n,
  playwright,
  timescaledb,
];
