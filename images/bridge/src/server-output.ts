import { type Message, readPayload } from "./envelope.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";

/**
 * The messages in one line of a server; none if it is junk, which is counted, and logged without its content.
 * @param session the tag of the session that has the server to itself.
 */
export function serverMessages(
  line: Buffer,
  { metrics, log }: { readonly metrics: Metrics; readonly log: Log },
  session?: string,
): readonly Message[] {
  const payload = readPayload(line);
  if (payload.ok) return payload.messages;
  metrics.fail("child_junk");
  log("warn", "child_junk", { session, bytes: line.length, fault: payload.message });
  return [];
}
