import { START_TIMEOUT_MS } from "./child-pool.ts";
import type { Log } from "./log.ts";

/** Milliseconds; tests use shorter ones. */
export const HEALTH_TIMES = {
  /** An answer younger than this is not asked for again: polling cannot wear the server down. */
  cache: 3_000,
  /** While something is wrong the bridge asks by itself this often, so that it notices recovery unasked. */
  recheck: 2_000,
  ping: 3_000,
  /** A server that has never answered may take this long to come up. */
  start: START_TIMEOUT_MS,
  /** A probe is a whole process of its own, so it is started rarely and given more time. */
  probe: 20_000,
  probeEvery: 60_000,
};
/** Failures in a row before green turns red. */
const RED_AFTER = 3;

export type Verdict = { readonly kind: "ok" } | { readonly kind: "starting" | "failed"; readonly detail: string };

export type HealthStatus = "ok" | "starting" | "failing";

/** One question to one thing, with hysteresis: a single slow answer is no outage. */
export class HealthCheck {
  readonly #name: string;
  readonly #good: string;
  readonly #ask: () => Promise<Verdict>;
  readonly #log: Log;
  readonly #times: typeof HEALTH_TIMES;
  #status: HealthStatus = "starting";
  #failures = 0;
  #detail = "not asked yet";
  #askedAt = 0;
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  /** @param check what `detail` says while all is well, and how to find out. */
  constructor(check: { name: string; good: string; ask: () => Promise<Verdict> }, log: Log, times = HEALTH_TIMES) {
    this.#name = check.name;
    this.#good = check.good;
    this.#ask = check.ask;
    this.#log = log;
    this.#times = times;
  }

  get name(): string {
    return this.#name;
  }

  get status(): HealthStatus {
    return this.#status;
  }

  get detail(): string {
    return this.#detail;
  }

  /** Failures in a row. */
  get failures(): number {
    return this.#failures;
  }

  /** ISO time of the last answer. */
  get at(): string | undefined {
    return this.#askedAt === 0 ? undefined : new Date(this.#askedAt).toISOString();
  }

  /** Asks, unless the last answer is young enough. */
  async refresh(): Promise<void> {
    if (Date.now() - this.#askedAt >= this.#times.cache) await this.#check();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  /** One check at a time, however many ask. */
  #check(): Promise<void> {
    this.#running ??= this.#ask()
      .then((verdict) => this.#record(verdict))
      .finally(() => {
        this.#running = undefined;
      });
    return this.#running;
  }

  #record(verdict: Verdict): void {
    this.#askedAt = Date.now();
    const before = this.#status;
    if (verdict.kind === "ok") {
      this.#failures = 0;
      this.#status = "ok";
      this.#detail = this.#good;
    } else {
      if (verdict.kind === "failed") this.#failures++;
      this.#detail = verdict.detail;
      if (this.#failures >= RED_AFTER) this.#status = "failing";
      this.#recheck();
    }
    if (before === this.#status) return;
    const level = this.#status === "ok" ? "info" : "error";
    this.#log(level, "health", { check: this.#name, status: this.#status, detail: this.#detail });
  }

  #recheck(): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#check(), this.#times.recheck);
    this.#timer.unref();
  }
}
