import { SETTLED_MS } from "./backoff.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { type Port, Unavailable } from "./port.ts";
import type { HealthTarget, ServerSource, ServerUser } from "./server-source.ts";
import { SharedServer } from "./shared-server.ts";

/** After a crash; longer if the source holds starts back. */
const RESTART_MS = 50;
/** After a start that failed without a crash: the server refused `initialize`, or did not answer it. */
const RETRY_MS = 5_000;

export interface SharedSourceOptions {
  /** Starts the server; must keep no spare of its own. */
  readonly source: ServerSource;
  /** A process as the shared server needs it, which speaks sessions. */
  readonly adapt: (port: Port) => Port;
  /** Starts it in advance, keeps it without sessions, and starts it again after a crash. */
  readonly warm: boolean;
  /** Without `warm`: how long it stays when no session is left, in milliseconds. */
  readonly idleTimeout: number;
  readonly requestTimeout: number;
  readonly maxQueueBytes: number;
  readonly version: string;
  readonly log: Log;
  readonly metrics: Metrics;
  /** A server has lived long enough not to count as crashing at start. */
  readonly onSettled: () => void;
}

/** `--child-mode shared`: one server, started once however many want it, and a port of it for each session. */
export class SharedSource implements ServerSource {
  readonly #options: SharedSourceOptions;
  /** Being initialised, or in use. */
  #server: SharedServer | undefined;
  #starting: Promise<SharedServer> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #settling: NodeJS.Timeout | undefined;
  #failedUntil = 0;
  #closed = false;

  constructor(options: SharedSourceOptions) {
    this.#options = options;
    if (options.warm) this.#startLater(0);
  }

  get size(): number {
    return this.#options.source.size;
  }

  get spare(): HealthTarget | undefined {
    return this.#server;
  }

  get backoff(): ServerSource["backoff"] {
    const { looping, delay } = this.#options.source.backoff;
    return { looping, delay: Math.max(delay, this.#failedUntil - Date.now(), 0) };
  }

  async acquire({ principal }: ServerUser): Promise<Port> {
    if (this.#closed) throw new Unavailable("the bridge is shutting down", 1_000);
    const server = await this.#started();
    return server.open(principal);
  }

  /** It may be at work on something long; after `requestTimeout` nobody waits for that any more. */
  discardSpare(): void {
    const server = this.#server;
    if (server === undefined || server.silentFor < this.#options.requestTimeout) return;
    this.#options.log("error", "shared_server_silent", { silentMs: server.silentFor });
    server.close("gave no sign of life and was ended");
  }

  startProbe(): Port {
    return this.#options.source.startProbe();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stopTimers();
    await this.#options.source.close();
  }

  kill(): void {
    this.#options.source.kill();
  }

  #started(): Promise<SharedServer> {
    if (this.#starting !== undefined) return this.#starting;
    const starting = this.#start();
    this.#starting = starting;
    starting.catch(() => {
      if (this.#starting === starting) this.#starting = undefined;
      this.#startLater(Math.max(RESTART_MS, this.backoff.delay));
    });
    return starting;
  }

  async #start(): Promise<SharedServer> {
    const { source, adapt, onSettled, version, idleTimeout, warm } = this.#options;
    const wait = this.#failedUntil - Date.now();
    if (wait > 0) throw new Unavailable("the server could not be initialised; it is tried again later", wait);
    const server = new SharedServer(adapt(await source.acquire({ principal: undefined })), {
      ...this.#options,
      clientInfo: { name: "mcp-bridge", version },
      onUnused: () => {
        if (warm || this.#closed) return;
        clearTimeout(this.#timer);
        this.#timer = setTimeout(() => this.#endUnused(server), idleTimeout);
      },
      onGone: () => this.#gone(server),
    });
    this.#server = server;
    try {
      await server.ready;
    } catch (error) {
      if (!server.closed) {
        this.#failedUntil = Date.now() + RETRY_MS;
        const fault = error instanceof Error ? error.message : String(error);
        this.#options.log("error", "shared_server_failed", { fault, retryInMs: RETRY_MS });
        server.close("could not be initialised");
      }
      throw error;
    }
    this.#settling = setTimeout(onSettled, SETTLED_MS);
    return server;
  }

  #gone(server: SharedServer): void {
    if (this.#server !== server) return;
    this.#server = undefined;
    this.#starting = undefined;
    this.#stopTimers();
    this.#startLater(Math.max(RESTART_MS, this.backoff.delay));
  }

  #endUnused(server: SharedServer): void {
    if (server.news.all.size === 0) server.close("was not used any more");
  }

  #startLater(delayMs: number): void {
    if (!this.#options.warm || this.#closed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#started().catch(() => {}), delayMs);
  }

  #stopTimers(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#settling);
  }
}
