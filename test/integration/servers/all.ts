import { fetch } from "./fetch.ts";
import { filesystem } from "./filesystem.ts";
import { github } from "./github.ts";
import { memory } from "./memory.ts";
import { monitoring } from "./monitoring.ts";
import { n8n } from "./n8n.ts";
import { playwright } from "./playwright.ts";
import { postgres } from "./postgres.ts";
import type { ServerProof } from "./proof.ts";
import { timescaledb } from "./timescaledb.ts";

/** The proofs, by server. */
export const proofs: Readonly<Record<string, ServerProof>> = {
  fetch,
  filesystem,
  github,
  memory,
  monitoring,
  n8n,
  playwright,
  postgres,
  timescaledb,
};
