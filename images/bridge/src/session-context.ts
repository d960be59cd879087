import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import type { Options } from "./options.ts";
import type { Policy } from "./policy.ts";
import type { RequestWatch } from "./request-watch.ts";
import type { Session } from "./session.ts";

/** Streamable HTTP, or HTTP with SSE; a session is used over the one that opened it. */
export type TransportName = "http" | "sse";

/** What all sessions share. */
export interface SessionContext {
  readonly options: Options;
  readonly policy: Policy;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Undefined while nobody looks. */
  readonly watch: RequestWatch | undefined;
  readonly onEnd: (session: Session) => void;
}
