import type { Message } from "./envelope.ts";
import { findPath, findString } from "./json-spans.ts";
import { isRevision, SESSIONLESS_SINCE } from "./versions.ts";

/** Where 2026-07-28 says in each request which revision it speaks. */
const META_VERSION = "io.modelcontextprotocol/protocolVersion";

export type Era =
  | { readonly kind: "session" }
  /** @property version what was asked for; null if the request names none. */
  | { readonly kind: "sessionless"; readonly version: string | null };

/**
 * Which era a POST to `/mcp` belongs to, from the request itself: the sessionless ones say so in `_meta`, in
 * the version header, or by the method that only they have.
 */
export function eraOf(versionHeader: string | undefined, message: Message | undefined): Era {
  if (message?.params !== undefined && message.kind !== "response") {
    const meta = findPath(message.bytes, message.params.start, ["_meta"]);
    const version = meta === undefined ? undefined : findString(message.bytes, meta.start, [META_VERSION]);
    if (version !== undefined) return { kind: "sessionless", version };
  }
  const newer = versionHeader !== undefined && isRevision(versionHeader) && versionHeader >= SESSIONLESS_SINCE;
  // `initialize` belongs to the session eras whatever the header says.
  if (newer && message?.method !== "initialize") return { kind: "sessionless", version: versionHeader };
  if (message?.method === "server/discover") return { kind: "sessionless", version: versionHeader ?? null };
  return { kind: "session" };
}
