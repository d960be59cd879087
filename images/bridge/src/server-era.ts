import type { Log } from "./log.ts";
import { ModernPort } from "./modern-port.ts";
import type { Port } from "./port.ts";

/**
 * Which era the stdio server itself speaks. It belongs to the server, not to one of its processes (2026-07-28,
 * versioning: backward compatibility), so what the first one says is remembered for all.
 */
export class ServerEra {
  readonly #log: Log;
  #modern: boolean | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  /** It knows 2026-07-28 and no session; undefined as long as none was asked. */
  get modern(): boolean | undefined {
    return this.#modern;
  }

  /** @param modern undefined if what was remembered turned out to be wrong. */
  learn(modern: boolean | undefined): void {
    if (modern === this.#modern) return;
    this.#modern = modern;
    if (modern === true) this.#log("info", "sessionless_server", { remedy: "none needed: sessions are translated" });
  }

  /** A server as sessions need it. */
  adapt(port: Port): Port {
    return this.#modern === false ? port : new ModernPort(port, this, this.#log);
  }
}
