/** Why a port closed. `expected` is true if the bridge asked for it. */
export interface Closure {
  readonly expected: boolean;
  /** For people: `exited with code 1`, `killed by SIGSEGV`, `could not be started: …`. */
  readonly reason: string;
}

export interface PortListener {
  /** One whole line of the server, without its line end. */
  message(bytes: Buffer): void;
  closed(closure: Closure): void;
  /** The server has taken all that had been waiting for it. */
  drained?(): void;
  /** A client that does not read holds up others on the same server: let go of it, or the port closes. */
  stalled?(): void;
}

/**
 * What a session talks to: a duplex of whole JSON-RPC messages. Normally a child process on stdio; a server
 * hosted in this process can stand in its place.
 */
export interface Port {
  /** Sends one message; it must not contain a line break. */
  send(message: Buffer): void;
  /** When it was started, in milliseconds since 1970. */
  readonly startedAt: number;
  /** It has written at least one message. */
  readonly answered: boolean;
  /** The server is gone. */
  readonly closed: boolean;
  /** Bytes sent that the server has not taken yet. */
  readonly queuedBytes: number;
  /** Stops and restarts the flow of messages to the listener (back-pressure). */
  pause(): void;
  resume(): void;
  /** Takes over the port; messages that came before are delivered first, in order. */
  listen(listener: PortListener): void;
  /**
   * Asks the server whether it answers, outside of any session and unseen by one; false after `timeoutMs` or
   * if it goes. MCP allows ping before `initialize` (2025-11-25, lifecycle), so this does not use up a spare.
   */
  ping(timeoutMs: number): Promise<boolean>;
  /** Ends the server, politely, then firmly; resolves once it is gone. */
  close(): Promise<void>;
}

/** Thrown when no server can be had in reasonable time. */
export class Unavailable extends Error {
  readonly retryAfterMs: number;
  constructor(message: string, retryAfterMs: number) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}
