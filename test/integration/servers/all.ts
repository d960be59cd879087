import { monitoring } from "./monitoring.ts";
import type { ServerProof } from "./proof.ts";

/** The proofs, by server. */
export const proofs: Readonly<Record<string, ServerProof>> = { monitoring };
