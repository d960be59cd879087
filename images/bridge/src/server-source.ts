import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import type { Options } from "./options.ts";
import type { Port } from "./port.ts";

/** What health asks. */
export interface HealthTarget extends Pick<Port, "ping" | "answered" | "startedAt" | "closed"> {
  /** It serves sessions already: if it dies, it is not because `ping` came before `initialize`. */
  readonly initialized?: boolean;
}

/** Whom a server is for. */
export interface ServerUser {
  readonly principal: string | undefined;
  /** Names the session in logs; none for a server of the sessionless era. */
  readonly tag?: string;
}

/** Where sessions get their servers from: processes, one for all, or servers hosted in this process. */
export interface ServerSource {
  /** Servers alive, the spare included. */
  readonly size: number;
  /** The server that waits for the next session, or that all share, if there is one; health asks it with `ping`. */
  readonly spare: HealthTarget | undefined;
  readonly backoff: {
    /** The server cannot be called up: health is red. */
    readonly looping: boolean;
    /** Milliseconds until the next start is allowed; 0 for now. */
    readonly delay: number;
  };
  /** A server for one session; rejects with `Unavailable`. */
  acquire(user: ServerUser): Promise<Port>;
  /** The spare did not answer: replace it. One that all share may be given more time. */
  discardSpare(): void;
  /** A server for a health check alone, never a session's. */
  startProbe(): Port;
  /** Ends all servers, politely, then firmly; resolves once they are gone. */
  close(): Promise<void>;
  /** Ends all at once; for a second signal. */
  kill(): void;
}

export interface SourceContext {
  readonly options: Options;
  readonly env: NodeJS.ProcessEnv;
  readonly log: Log;
  readonly metrics: Metrics;
}
