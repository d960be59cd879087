import { idKey } from "./envelope.ts";
import type { Outlet } from "./outlet.ts";
import type { Watched } from "./request-watch.ts";

/** A client's request that the server has not answered yet. */
export interface Pending {
  /** The id as the client wrote it. */
  readonly id: string;
  readonly method: string;
  readonly tool: string | undefined;
  readonly outlet: Outlet;
  readonly startedAt: number;
  /** Raw text of its progress token. */
  readonly token: string | undefined;
  /** When the bridge stops to wait, by `performance.now()`. */
  deadline: number;
  readonly watched?: Watched | undefined;
}

/** The requests of one session that are in flight, by id and by progress token. */
export class PendingRequests {
  readonly #byId = new Map<string, Pending>();
  readonly #byToken = new Map<string, Pending>();

  get size(): number {
    return this.#byId.size;
  }

  has(id: string): boolean {
    return this.#byId.has(idKey(id));
  }

  hasToken(token: string): boolean {
    return this.#byToken.has(idKey(token));
  }

  add(pending: Pending): void {
    this.#byId.set(idKey(pending.id), pending);
    if (pending.token !== undefined) this.#byToken.set(idKey(pending.token), pending);
  }

  /**
   * Removes the request that `id` answers. A server whose numbers are doubles answers a large id rounded;
   * it is matched if only one request in flight can be meant.
   */
  take(id: string): Pending | undefined {
    const exact = this.#byId.get(idKey(id));
    const pending = exact ?? (/^-?\d{16,}/.test(id) ? this.#rounded(Number(id)) : undefined);
    if (pending === undefined) return undefined;
    this.#byId.delete(idKey(pending.id));
    if (pending.token !== undefined) this.#byToken.delete(idKey(pending.token));
    return pending;
  }

  byToken(token: string): Pending | undefined {
    return this.#byToken.get(idKey(token));
  }

  all(): Pending[] {
    return [...this.#byId.values()];
  }

  #rounded(value: number): Pending | undefined {
    const candidates = this.all().filter((pending) => !pending.id.startsWith('"') && Number(pending.id) === value);
    return candidates.length === 1 ? candidates[0] : undefined;
  }
}
