import type { Message } from "./envelope.ts";
import { findPath, findString } from "./json-spans.ts";
import { META_VERSION } from "./sessionless-meta.ts";
import { isRevision, SESSIONLESS_SINCE } from "./versions.ts";

export type Era = "session" | "sessionless";

/**
 * Which era a POST to `/mcp` belongs to, from the request itself: the sessionless ones say so in `_meta`, in
 * the version header, or by the method that only they have.
 */
export function eraOf(versionHeader: string | undefined, message: Message | undefined): Era {
  if (message?.params !== undefined && message.kind !== "response") {
    const meta = findPath(message.bytes, message.params.start, ["_meta"]);
    const version = meta === undefined ? undefined : findString(message.bytes, meta.start, [META_VERSION]);
    if (version !== undefined) return "sessionless";
  }
  const newer = versionHeader !== undefined && isRevision(versionHeader) && versionHeader >= SESSIONLESS_SINCE;
  // `initialize` belongs to the session eras whatever the header says.
  if (newer && message?.method !== "initialize") return "sessionless";
  return message?.method === "server/discover" ? "sessionless" : "session";
}
