import { START_TIMEOUT_MS } from "./child-pool.ts";
import type { Log } from "./log.ts";
import type { Port } from "./port.ts";
import type { ServerSource } from "./server-source.ts";

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

/** What health needs of a source of servers. */
export type HealthPool = Pick<ServerSource, "spare" | "backoff" | "discardSpare" | "startProbe">;

type Verdict = { readonly kind: "ok" } | { readonly kind: "starting" | "failed"; readonly detail: string };

const OK: Verdict = { kind: "ok" };
const HELD_BACK: Verdict = { kind: "failed", detail: "the server crashed; its restart is held back" };

interface HealthCheck {
  readonly ok: boolean;
  readonly detail: string;
  /** ISO time at which the server was last asked. */
  readonly at: string | undefined;
}

export interface HealthReport {
  readonly status: "ok" | "starting" | "failing";
  readonly checks: { readonly child: HealthCheck };
}

/**
 * Whether the stdio server answers. The warm spare is asked with `ping`, which MCP allows before `initialize`,
 * so asking does not use it up. Where there is no spare, or the server cannot stand a ping that early, a probe
 * process of its own is initialised and ended again, at most once a minute.
 */
export class Health {
  readonly #pool: HealthPool;
  readonly #log: Log;
  readonly #useSpare: boolean;
  readonly #times: typeof HEALTH_TIMES;
  #status: HealthReport["status"] = "starting";
  #failures = 0;
  #detail = "not asked yet";
  #askedAt = 0;
  #probedAt = 0;
  #spareCannotPing = false;
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(pool: HealthPool, log: Log, options: { readonly warmChildren: number }, times = HEALTH_TIMES) {
    this.#pool = pool;
    this.#log = log;
    this.#useSpare = options.warmChildren > 0;
    this.#times = times;
  }

  async report(): Promise<HealthReport> {
    if (Date.now() - this.#askedAt >= this.#times.cache) await this.#check();
    const { looping } = this.#pool.backoff;
    const status = looping ? "failing" : this.#status;
    const detail = looping ? "the server crashes again and again; restarts are held back" : this.#detail;
    const at = this.#askedAt === 0 ? undefined : new Date(this.#askedAt).toISOString();
    return { status, checks: { child: { ok: status === "ok", detail, at } } };
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
      this.#detail = "the server answers";
    } else {
      if (verdict.kind === "failed") this.#failures++;
      this.#detail = verdict.detail;
      if (this.#failures >= RED_AFTER) this.#status = "failing";
      this.#recheck();
    }
    if (before === this.#status) return;
    const level = this.#status === "ok" ? "info" : "error";
    this.#log(level, "health", { status: this.#status, detail: this.#detail });
  }

  #recheck(): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#check(), this.#times.recheck);
    this.#timer.unref();
  }

  async #ask(): Promise<Verdict> {
    if (!this.#useSpare || this.#spareCannotPing) return this.#probe();
    const { spare, backoff } = this.#pool;
    // Sessions take spares; a missing one is a fault only if starting is.
    if (spare === undefined) return backoff.delay > 0 ? HELD_BACK : OK;
    if (await spare.ping(this.#times.ping)) return OK;
    if (this.#pool.spare === spare) {
      if (!spare.answered && Date.now() - spare.startedAt < this.#times.start) {
        return { kind: "starting", detail: "the server is starting; it has not answered yet" };
      }
      this.#pool.discardSpare();
      return { kind: "failed", detail: `the server gave no answer to ping within ${this.#times.ping} ms` };
    }
    // A session took it meanwhile, and will see for itself whether it answers.
    if (!spare.closed) return OK;
    // Some servers end when anything but `initialize` comes first: the probe will tell.
    this.#spareCannotPing = true;
    return { kind: "failed", detail: "the server died when it was asked" };
  }

  async #probe(): Promise<Verdict> {
    if (Date.now() - this.#probedAt < this.#times.probeEvery && this.#failures === 0) return OK;
    if (this.#pool.backoff.delay > 0) return HELD_BACK;
    this.#probedAt = Date.now();
    const port = this.#pool.startProbe();
    const fault = await initializes(port, this.#times.probe);
    void port.close();
    return fault === undefined ? OK : { kind: "failed", detail: fault };
  }
}

/** Sends `initialize` and waits for any answer to it. */
function initializes(port: Port, timeoutMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, timeoutMs, `no answer to initialize within ${timeoutMs} ms`);
    const done = (fault: string | undefined): void => {
      clearTimeout(timer);
      resolve(fault);
    };
    port.listen({
      message: (bytes) => {
        if (bytes.includes(`"${PROBE_ID}"`)) done(undefined);
      },
      closed: ({ reason }) => done(`the server ${reason}`),
    });
    const params = {
      protocolVersion: "2025-11-25",
      capabilities: {},
      clientInfo: { name: "mcp-bridge-health", version: "1" },
    };
    port.send(Buffer.from(JSON.stringify({ jsonrpc: "2.0", id: PROBE_ID, method: "initialize", params })));
  });
}

const PROBE_ID = "mcp-bridge:probe";
