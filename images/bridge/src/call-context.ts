import type { Metrics } from "./metrics.ts";
import type { Options } from "./options.ts";
import type { ParamHeaders } from "./param-headers.ts";
import type { ParkedCalls } from "./parked-calls.ts";
import type { Policy } from "./policy.ts";
import type { RequestStates } from "./request-state.ts";
import type { ServerLink } from "./server-link.ts";
import type { SessionlessCall } from "./sessionless-call.ts";
import type { SessionlessReply } from "./sessionless-reply.ts";

/** What all calls of 2026-07-28 share. */
export interface CallContext {
  readonly options: Options;
  readonly policy: Policy;
  readonly metrics: Metrics;
  readonly states: RequestStates;
  readonly parked: ParkedCalls<SessionlessCall>;
  readonly paramHeaders: ParamHeaders;
  /** A call needs this reply no more. */
  readonly onDetached: (reply: SessionlessReply) => void;
  /** Gives back an exclusive server, see `LinkPool.release`. */
  readonly release: (link: ServerLink, clean: boolean) => void;
}

/** Whose call it is and what it asks for, as far as a retry must match it. */
export interface CallIdentity {
  readonly principal: string | undefined;
  /** Calls with the same key may wait for input in limited number. */
  readonly parkingKey: string;
  readonly params: () => string;
}
