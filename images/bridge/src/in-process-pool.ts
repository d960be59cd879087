import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { CrashBackoff } from "./backoff.ts";
import type { CreateServer } from "./hosted-server.ts";
import { InProcessPort } from "./in-process-port.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import type { Options } from "./options.ts";
import { type Port, Unavailable } from "./port.ts";
import type { ServerSource, ServerUser } from "./server-source.ts";

/** Longer than this nobody waits for a start that is held back; they are told when to come again. */
const MAX_WAIT_MS = 1_000;
/** Tag of the server that is made for health alone. */
const HEALTH_TAG = "health";

export interface InProcessOptions {
  readonly createServer: CreateServer;
  readonly limits: Pick<Options, "maxQueueBytes" | "maxMessageBytes" | "requestTimeout">;
  readonly log: Log;
  readonly metrics: Metrics;
}

/**
 * Makes servers in this process, one per session. They cost little to make, so none waits ready for a session; the
 * one that waits is for health to ask, and no client ever meets it.
 */
export class InProcessPool implements ServerSource {
  readonly backoff = new CrashBackoff();
  readonly #options: InProcessOptions;
  readonly #servers = new Set<InProcessPort>();
  #spare: InProcessPort | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: InProcessOptions) {
    this.#options = options;
    this.#refill();
  }

  /** Servers alive, the one for health included. */
  get size(): number {
    return this.#servers.size;
  }

  get spare(): Port | undefined {
    return this.#spare;
  }

  async acquire({ tag = `sessionless-${randomBytes(3).toString("hex")}` }: ServerUser): Promise<Port> {
    const { delay } = this.backoff;
    if (delay > MAX_WAIT_MS) throw new Unavailable("the server keeps failing; its next start is held back", delay);
    if (delay > 0) await sleep(delay);
    if (this.#closed) throw new Unavailable("the bridge is shutting down", MAX_WAIT_MS);
    const port = this.#start(tag, Date.now());
    const { requestTimeout } = this.#options.limits;
    const late = setTimeout(() => port.fail(`was not ready within ${requestTimeout} ms`), requestTimeout);
    try {
      await port.ready;
    } catch {
      // The error itself may hold what clients must not see, such as the address of a database.
      throw new Unavailable("the server could not be started; the log has the cause", MAX_WAIT_MS);
    } finally {
      clearTimeout(late);
    }
    return port;
  }

  discardSpare(): void {
    const spare = this.#spare;
    this.#spare = undefined;
    if (spare !== undefined) void spare.close();
    this.#refill();
  }

  startProbe(): Port {
    return this.#start(HEALTH_TAG, undefined);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await Promise.all([...this.#servers].map((port) => port.close()));
  }

  kill(): void {
    for (const port of this.#servers) port.abandon();
  }

  #refill(): void {
    clearTimeout(this.#timer);
    if (this.#closed || this.#spare !== undefined) return;
    const { delay } = this.backoff;
    if (delay === 0) this.#spare = this.#start(HEALTH_TAG, undefined);
    else this.#timer = setTimeout(() => this.#refill(), delay);
  }

  #start(tag: string, takenAt: number | undefined): InProcessPort {
    const { createServer, limits, metrics } = this.#options;
    const log: Log = (level, event, fields) => this.#options.log(level, event, { session: tag, ...fields });
    const port = new InProcessPort(() => createServer({ tag, log }), limits, {
      log,
      oversized: (bytes) => {
        metrics.fail("oversized_message");
        log("error", "oversized_message", { bytes, limit: limits.maxMessageBytes });
      },
      answered: () => this.backoff.answered(),
      gone: (closure, answered) => {
        this.#servers.delete(port);
        if (this.#spare === port) this.#spare = undefined;
        if (closure.expected) {
          if (takenAt !== undefined && answered) this.backoff.served();
        } else {
          this.backoff.crashed({ answered, takenAt });
          metrics.childRestarts.add();
          metrics.fail("child_exit");
          log("warn", "server_lost", { reason: closure.reason, retryInMs: this.backoff.delay });
        }
        this.#refill();
      },
    });
    this.#servers.add(port);
    return port;
  }
}
