import type { Log } from "./log.ts";
import type { OwnChecks } from "./own-checks.ts";

/**
 * What a server hosted in this process must be able to do: types alone, so that the bridge needs no SDK. `McpServer`
 * and `Server` of both generations of the official SDK fit as they are.
 */
export interface HostedServer {
  /** Takes the transport over, and answers what comes on it until one of them closes. */
  connect(transport: ServerTransport): Promise<void>;
  close(): Promise<void>;
}

/** The SDK's `Transport`, as far as a server uses it. */
export interface ServerTransport {
  start(): Promise<void>;
  // biome-ignore lint/suspicious/noExplicitAny: the SDKs type messages more narrowly, each in its own way
  send(message: any, options?: any): Promise<void>;
  close(): Promise<void>;
  onclose?: (() => void) | undefined;
  onerror?: ((error: Error) => void) | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: see `send`
  onmessage?: ((message: any, extra?: any) => void) | undefined;
}

/** For whom a server is made. */
export interface HostedSession {
  /** Names the session in logs; neither its id nor anything of its client. */
  readonly tag: string;
  /** Writes one event to the bridge's log, with the tag. */
  readonly log: Log;
}

/** Makes the server of one session; the same function serves all of them. */
export type CreateServer = (session: HostedSession) => HostedServer | Promise<HostedServer>;

/** A server of this process, as `hostServer` takes it. */
export interface HostedDefinition {
  /** Name in health, metrics and logs; `--name` wins over it. */
  readonly name: string;
  /** Version in `/health`. @default the bridge's */
  readonly version?: string;
  /** Called once per session, and once at start for a server that health alone asks. */
  readonly createServer: CreateServer;
  /** What `/health` asks beside the server itself. */
  readonly health?: OwnChecks;
  /** Metrics of its own in Prometheus' text format, appended to `/metrics`. */
  readonly metrics?: { render(): string };
  /** Called at the end, when no session is left; it has 1.5 s, e.g. to close connections to a database. */
  readonly close?: () => unknown;
}

/** A running host. */
export interface Host {
  /** Where it listens; of interest after `--port 0`. */
  readonly port: number;
  /** Drains as on SIGTERM, but for the exit. */
  close(): Promise<void>;
}
