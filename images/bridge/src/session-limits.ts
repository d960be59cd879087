import { idKey, type Message } from "./envelope.ts";
import type { Options } from "./options.ts";
import type { PendingRequests } from "./pending.ts";
import { badRequest, overload, type Refusal } from "./refusal.ts";

/**
 * Whether a session takes `messages`: no more requests than it may have in flight, each under an id of its own, and
 * one `initialize` (2025-11-25, basic: requests; lifecycle: initialization).
 * @param queuedBytes that wait for the server.
 */
export function refusalFor(
  messages: readonly Message[],
  pending: PendingRequests,
  queuedBytes: number,
  initialized: boolean,
  options: Options,
): Refusal | undefined {
  const requests = countRequests(messages);
  if (pending.size + requests > options.maxInFlight) {
    return overload(429, `over ${options.maxInFlight} requests in flight in this session; wait for answers`);
  }
  if (queuedBytes > options.maxQueueBytes) {
    return overload(503, "the server does not take its input; try again later");
  }
  const ids = requests > 1 ? new Set<string>() : undefined;
  for (const { kind, id = "", method } of messages) {
    if (kind !== "request") continue;
    if (pending.has(id) || ids?.has(idKey(id))) {
      return badRequest(`id ${id} is in flight already; give every request of a session its own id`);
    }
    ids?.add(idKey(id));
    if (method === "initialize" && initialized) return badRequest("this session is initialized already");
  }
  return undefined;
}

export function countRequests(messages: readonly Message[]): number {
  let count = 0;
  for (const { kind } of messages) if (kind === "request") count++;
  return count;
}
