import { type Message, paramOf } from "./envelope.ts";
import { findString } from "./json-spans.ts";
import { META_VERSION } from "./sessionless-meta.ts";
import { isRevision, SESSIONLESS_SINCE } from "./versions.ts";

export type Era = "session" | "sessionless";

/**
 * Which era a POST to `/mcp` belongs to, from the request itself: the sessionless ones say so in `_meta`, in
 * the version header, or by the method that only they have.
 */
export function eraOf(versionHeader: string | undefined, message: Message | undefined): Era {
  const meta = message === undefined ? undefined : paramOf(message, "_meta");
  if (message !== undefined && meta !== undefined) {
    if (findString(message.bytes, meta.start, [META_VERSION]) !== undefined) return "sessionless";
  }
  const newer = versionHeader !== undefined && isRevision(versionHeader) && versionHeader >= SESSIONLESS_SINCE;
  // `initialize` belongs to the session eras whatever the header says.
  if (newer && message?.method !== "initialize") return "sessionless";
  return message?.method === "server/discover" ? "sessionless" : "session";
}
