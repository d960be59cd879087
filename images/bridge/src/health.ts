import { HEALTH_TIMES, HealthCheck, type HealthStatus, type Verdict } from "./health-check.ts";
import type { Log } from "./log.ts";
import type { Port } from "./port.ts";
import type { ServerSource } from "./server-source.ts";

/** What health needs of a source of servers. */
export type HealthPool = Pick<ServerSource, "spare" | "backoff" | "discardSpare" | "startProbe">;

const OK: Verdict = { kind: "ok" };
const HELD_BACK: Verdict = { kind: "failed", detail: "the server crashed; its restart is held back" };

interface CheckReport {
  readonly ok: boolean;
  readonly detail: string;
  /** ISO time at which it was last asked. */
  readonly at: string | undefined;
}

interface HealthReport {
  readonly status: HealthStatus;
  /** The server itself first, as `child`, or as `server` if it is hosted in this process; then its own checks. */
  readonly checks: Readonly<Record<string, CheckReport>>;
}

export interface HealthOptions {
  readonly warmChildren: number;
  /** What the check of the server is called. */
  readonly name?: string;
  /** Checks of a hosted server's own. */
  readonly own?: readonly HealthCheck[];
}

/**
 * Whether the server answers. The warm spare is asked with `ping`, which MCP allows before `initialize`,
 * so asking does not use it up. Where there is no spare, or the server cannot stand a ping that early, a probe
 * process of its own is initialised and ended again, at most once a minute.
 */
export class Health {
  readonly #pool: HealthPool;
  readonly #useSpare: boolean;
  readonly #times: typeof HEALTH_TIMES;
  readonly #server: HealthCheck;
  readonly #own: readonly HealthCheck[];
  #probedAt = 0;
  #spareCannotPing = false;

  constructor(pool: HealthPool, log: Log, options: HealthOptions, times = HEALTH_TIMES) {
    const { name = "child", own = [] } = options;
    this.#pool = pool;
    this.#useSpare = options.warmChildren > 0;
    this.#times = times;
    this.#server = new HealthCheck({ name, good: "the server answers", ask: () => this.#ask() }, log, times);
    this.#own = own;
  }

  async report(): Promise<HealthReport> {
    await Promise.all([this.#server, ...this.#own].map((check) => check.refresh()));
    const { looping } = this.#pool.backoff;
    const status = looping ? "failing" : this.#server.status;
    const detail = looping ? "the server crashes again and again; restarts are held back" : this.#server.detail;
    const checks = { [this.#server.name]: { ok: status === "ok", detail, at: this.#server.at } };
    for (const { name, status, detail, at } of this.#own) checks[name] = { ok: status === "ok", detail, at };
    const all = [status, ...this.#own.map((check) => check.status)];
    const worst = (["failing", "starting"] as const).find((candidate) => all.includes(candidate));
    return { status: worst ?? "ok", checks };
  }

  stop(): void {
    for (const check of [this.#server, ...this.#own]) check.stop();
  }

  async #ask(): Promise<Verdict> {
    const { spare, backoff } = this.#pool;
    if ((!this.#useSpare && spare === undefined) || this.#spareCannotPing) return this.#probe();
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
    if (spare.initialized === true) return { kind: "failed", detail: "the server died while it was asked" };
    // Some servers end when anything but `initialize` comes first: the probe will tell.
    this.#spareCannotPing = true;
    return { kind: "failed", detail: "the server died when it was asked" };
  }

  /** The system may refuse to start a process at all: that is a fault like any other, not the bridge's end. */
  #startProbe(): Port | string {
    try {
      return this.#pool.startProbe();
    } catch (error) {
      return `the server could not be started: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  async #probe(): Promise<Verdict> {
    if (Date.now() - this.#probedAt < this.#times.probeEvery && this.#server.failures === 0) return OK;
    if (this.#pool.backoff.delay > 0) return HELD_BACK;
    this.#probedAt = Date.now();
    const port = this.#startProbe();
    if (typeof port === "string") return { kind: "failed", detail: port };
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
