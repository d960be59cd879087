import type { Message } from "./envelope.ts";
import type { Outlet } from "./outlet.ts";
import type { Pending, PendingRequests } from "./pending.ts";
import { rawParam } from "./rewrite.ts";

/** News that belong to no request by their nature. */
const UNRELATED = /^notifications\/(?:(?:tools|prompts|resources|roots)\/list_changed|resources\/updated)$/;

/** The request whose progress a notification reports; undefined if it has been answered. */
export function progressOwner(message: Message, pending: PendingRequests): Pending | undefined {
  return pending.byToken(rawParam(message, "progressToken") ?? "");
}

/**
 * Which stream a request or notification of the server goes to. stdio does not say; the specification wants
 * what relates to a request on that request's stream, and the rest on the standalone one (2025-11-25,
 * Streamable HTTP: sending messages to the server, 6; listening for messages, 3).
 */
export function outletFor(message: Message, pending: PendingRequests, standalone: Outlet): Outlet {
  const { method = "" } = message;
  // Without an owner: a task of 2025-11-25 may report on after its request has been answered.
  if (method === "notifications/progress") return progressOwner(message, pending)?.outlet ?? standalone;
  if (UNRELATED.test(method)) return standalone;
  // `initialize` is answered with one JSON body, in which nothing else has a place.
  const waiting = pending.all().filter((request) => request.method !== "initialize");
  const [only] = waiting;
  if (waiting.length === 1 && only !== undefined && (only.outlet.attached || !standalone.attached)) return only.outlet;
  if (standalone.attached) return standalone;
  return waiting.findLast((request) => request.outlet.attached)?.outlet ?? standalone;
}
