import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import type { Options } from "./options.ts";
import type { Port } from "./port.ts";

/** Where sessions get their servers from: processes, one for all, or servers hosted in this process. */
export interface ServerSource {
  /** Servers alive, the spare included. */
  readonly size: number;
  /** The server that waits for the next session, if there is one; health asks it with `ping`. */
  readonly spare: Port | undefined;
  readonly backoff: {
    /** The server cannot be called up: health is red. */
    readonly looping: boolean;
    /** Milliseconds until the next start is allowed; 0 for now. */
    readonly delay: number;
  };
  /**
   * A server for one session; rejects with `Unavailable`.
   * @param tag names the session in logs; undefined for a server of the sessionless era
   */
  acquire(tag?: string): Promise<Port>;
  /** Replaces a spare that does not answer. */
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
