import type { ChildPool } from "./child-pool.ts";
import type { Log } from "./log.ts";
import type { Port } from "./port.ts";

/** An answer younger than this is not asked for again: polling cannot wear the server down. */
const CACHE_MS = 3_000;
/** While something is wrong the bridge asks by itself this often, so that it notices recovery unasked. */
const RECHECK_MS = 2_000;
const PING_TIMEOUT_MS = 3_000;
/** A probe is a whole process of its own, so it is started rarely and given more time. */
const PROBE_TIMEOUT_MS = 20_000;
const PROBE_EVERY_MS = 60_000;
/** Failures in a row before green turns red. */
const RED_AFTER = 3;

export interface HealthCheck {
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
  readonly #pool: ChildPool;
  readonly #log: Log;
  readonly #useSpare: boolean;
  #status: HealthReport["status"] = "starting";
  #failures = 0;
  #detail = "not asked yet";
  #askedAt = 0;
  #probedAt = 0;
  #spareCannotPing = false;
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(pool: ChildPool, log: Log, options: { readonly warmChildren: number }) {
    this.#pool = pool;
    this.#log = log;
    this.#useSpare = options.warmChildren > 0;
  }

  async report(): Promise<HealthReport> {
    if (Date.now() - this.#askedAt >= CACHE_MS) await this.#check();
    const status = this.#pool.backoff.looping ? "failing" : this.#status;
    const detail = this.#pool.backoff.looping
      ? "the server crashes again and again; restarts are held back"
      : this.#detail;
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
      .then((fault) => this.#record(fault))
      .finally(() => {
        this.#running = undefined;
      });
    return this.#running;
  }

  #record(fault: string | undefined): void {
    this.#askedAt = Date.now();
    const before = this.#status;
    if (fault === undefined) {
      this.#failures = 0;
      this.#status = "ok";
      this.#detail = "the server answers";
    } else {
      this.#failures++;
      this.#detail = fault;
      if (this.#failures >= RED_AFTER) this.#status = "failing";
      this.#recheck();
    }
    if (before !== this.#status) {
      this.#log(fault === undefined ? "info" : "error", "health", { status: this.#status, detail: this.#detail });
    }
  }

  #recheck(): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#check(), RECHECK_MS);
    this.#timer.unref();
  }

  /** Undefined if the server answers, else what is wrong. */
  async #ask(): Promise<string | undefined> {
    if (!this.#useSpare || this.#spareCannotPing) return this.#probe();
    const { spare } = this.#pool;
    // Sessions take spares; a missing one is a fault only if starting is.
    if (spare === undefined)
      return this.#pool.backoff.delay > 0 ? "the server crashed; its restart is held back" : undefined;
    if (await spare.ping(PING_TIMEOUT_MS)) return undefined;
    if (this.#pool.spare === spare) {
      this.#pool.discardSpare();
      return `the server gave no answer to ping within ${PING_TIMEOUT_MS} ms`;
    }
    // A session took it meanwhile, and will see for itself whether it answers.
    if (!spare.closed) return undefined;
    // Some servers end when anything but `initialize` comes first: the probe will tell.
    this.#spareCannotPing = true;
    return "the server died when it was asked";
  }

  async #probe(): Promise<string | undefined> {
    if (Date.now() - this.#probedAt < PROBE_EVERY_MS && this.#failures === 0) return undefined;
    if (this.#pool.backoff.delay > 0) return "the server crashed; its restart is held back";
    this.#probedAt = Date.now();
    const port = this.#pool.startProbe();
    try {
      return await initializes(port);
    } finally {
      void port.close();
    }
  }
}

/** Sends `initialize` and waits for any answer to it. */
function initializes(port: Port): Promise<string | undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, PROBE_TIMEOUT_MS, `no answer to initialize within ${PROBE_TIMEOUT_MS} ms`);
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
