import { availableParallelism } from "node:os";
import { CrashBackoff } from "./backoff.ts";
import { ChildProcess, type ChildSpec } from "./child-process.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { type Port, Unavailable } from "./port.ts";
import type { ServerSource } from "./server-source.ts";
import { RateLimitedLines } from "./stderr-limit.ts";

/** Longer than this nobody waits for a start that is held back; they are told when to come again. */
const MAX_WAIT_MS = 1_000;
/** Lets the session that took the spare have the processor first. */
const REFILL_DELAY_MS = 50;
/** How long a server may take to come up before it counts as one that does not answer. */
export const START_TIMEOUT_MS = 30_000;
/**
 * A child that has said nothing by then holds up no other start: perhaps nobody has asked it anything, as on an SSE
 * stream whose client is silent.
 */
const SLOT_MS = 2_000;

interface Waiter {
  readonly resolve: (child: Port) => void;
  readonly reject: (error: Unavailable) => void;
}

export interface PoolOptions {
  readonly spec: ChildSpec;
  /** Spare children: 0 or 1. */
  readonly warmChildren: number;
  readonly log: Log;
  readonly metrics: Metrics;
  /** Longest wait for a start, in milliseconds. */
  readonly startWait: number;
  /** Children that may be starting at the same time; the rest wait for their turn. */
  readonly maxStarting?: number;
}

/**
 * Starts children: one spare in advance, the others on demand, not too many at a time, and more slowly
 * while they crash. A spare has not been initialised: its session's own `initialize` reaches it unchanged.
 */
export class ChildPool implements ServerSource {
  readonly backoff = new CrashBackoff();
  readonly #options: PoolOptions;
  readonly #maxStarting: number;
  readonly #children = new Map<ChildProcess, { takenAt: number | undefined }>();
  readonly #starting = new Set<ChildProcess>();
  readonly #waiters: Waiter[] = [];
  readonly #stderr: RateLimitedLines;
  #spare: ChildProcess | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#maxStarting = options.maxStarting ?? Math.max(4, 2 * availableParallelism());
    this.#stderr = new RateLimitedLines((line, pid) => options.log("info", "child_stderr", { pid, line }));
    this.#schedule(0);
  }

  /** Children alive, the spare included. */
  get size(): number {
    return this.#children.size;
  }

  /** The child that waits for the next session, if there is one. */
  get spare(): Port | undefined {
    return this.#spare;
  }

  /** A child for one session: the spare, or a new one. */
  acquire(): Promise<Port> {
    if (this.#closed) return Promise.reject(new Unavailable("the bridge is shutting down", MAX_WAIT_MS));
    const spare = this.#spare;
    if (spare !== undefined) {
      this.#spare = undefined;
      this.#take(spare);
      this.#schedule(REFILL_DELAY_MS);
      return Promise.resolve(spare);
    }
    const { delay } = this.backoff;
    if (delay > MAX_WAIT_MS) {
      return Promise.reject(new Unavailable("the server keeps crashing; its next start is held back", delay));
    }
    return new Promise((resolve, reject) => {
      const waiter = {
        resolve: (port: Port) => {
          clearTimeout(timer);
          resolve(port);
        },
        reject: (error: Unavailable) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      const timer = setTimeout(() => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        reject(new Unavailable("too many servers are starting; none could be started in time", MAX_WAIT_MS));
      }, this.#options.startWait);
      this.#waiters.push(waiter);
      this.#schedule(0);
    });
  }

  /** Replaces a spare that does not answer. */
  discardSpare(): void {
    const spare = this.#spare;
    this.#spare = undefined;
    if (spare !== undefined) void spare.close();
    this.#schedule(REFILL_DELAY_MS);
  }

  /** Starts one child outside of the pool's bookkeeping of spares, e.g. for a health probe. */
  startProbe(): Port {
    return this.#start(undefined);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const waiter of this.#waiters.splice(0)) waiter.reject(new Unavailable("the bridge is shutting down", 1_000));
    await Promise.all([...this.#children.keys()].map((child) => child.close()));
  }

  /** Kills all at once; for a second signal. */
  kill(): void {
    for (const child of this.#children.keys()) child.kill();
  }

  #take(child: ChildProcess): void {
    const entry = this.#children.get(child);
    if (entry !== undefined) entry.takenAt = Date.now();
  }

  #schedule(delayMs: number): void {
    if (this.#closed) return;
    const wait = Math.max(delayMs, this.backoff.delay);
    if (wait === 0) {
      this.#pump();
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#pump(), wait);
  }

  #pump(): void {
    while (!this.#closed && this.#starting.size < this.#maxStarting) {
      if (this.backoff.delay > 0) {
        this.#refuseWaiters();
        this.#schedule(this.backoff.delay);
        return;
      }
      const waiter = this.#waiters.shift();
      if (waiter === undefined && (this.#spare !== undefined || this.#options.warmChildren === 0)) return;
      try {
        const child = this.#start(waiter === undefined ? undefined : Date.now());
        if (waiter === undefined) this.#spare = child;
        else waiter.resolve(child);
      } catch (error) {
        this.#startFailed(error, waiter);
      }
    }
  }

  /** The system refused (out of memory, arguments too long): Node throws instead of reporting an exit. */
  #startFailed(error: unknown, waiter: Waiter | undefined): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.backoff.crashed({ answered: false, takenAt: undefined });
    this.#options.metrics.fail("child_exit");
    this.#options.log("error", "child_start_failed", { reason, retryInMs: this.backoff.delay });
    waiter?.reject(new Unavailable(`the server could not be started: ${reason}`, MAX_WAIT_MS));
  }

  #refuseWaiters(): void {
    const { delay } = this.backoff;
    if (delay <= MAX_WAIT_MS) return;
    for (const waiter of this.#waiters.splice(0)) {
      waiter.reject(new Unavailable("the server keeps crashing; its next start is held back", delay));
    }
  }

  #start(takenAt: number | undefined): ChildProcess {
    const { spec, log, metrics } = this.#options;
    const started: { child?: ChildProcess } = {};
    const settle = (): void => {
      if (started.child === undefined || !this.#starting.delete(started.child)) return;
      clearTimeout(timer);
      this.#schedule(0);
    };
    const timer = setTimeout(settle, SLOT_MS);
    timer.unref();
    const child = new ChildProcess(spec, {
      stderr: (line, pid) => this.#stderr.push(line, pid),
      oversized: () => {
        metrics.fail("oversized_message");
        log("error", "oversized_message", { pid: child.pid, limit: spec.maxMessageBytes });
      },
      answered: () => {
        this.backoff.answered();
        settle();
      },
      gone: (closure, answered) => {
        const entry = this.#children.get(child);
        this.#children.delete(child);
        if (this.#spare === child) this.#spare = undefined;
        if (closure.expected) {
          if (entry?.takenAt !== undefined && answered) this.backoff.served();
        } else {
          this.backoff.crashed({ answered, takenAt: entry?.takenAt });
          metrics.childRestarts.add();
          metrics.fail("child_exit");
          log("warn", "child_exit", { pid: child.pid, reason: closure.reason, retryInMs: this.backoff.delay });
        }
        settle();
        this.#schedule(0);
      },
    });
    started.child = child;
    this.#children.set(child, { takenAt });
    this.#starting.add(child);
    log("debug", "child_start", { pid: child.pid, spare: takenAt === undefined });
    return child;
  }
}
