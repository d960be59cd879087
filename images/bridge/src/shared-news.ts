import type { Message } from "./envelope.ts";
import { stringParam } from "./rewrite.ts";
import { MCP_LOG_LEVELS } from "./sessionless-meta.ts";
import { isAtOrBelow } from "./subscriptions.ts";

/** A session, as far as its audience goes. */
export interface Hearer {
  /** It has been answered `initialize`: before that, nothing may be sent to it. */
  readonly initialized: boolean;
}

const LISTS = /^notifications\/(?:tools|prompts|resources)\/list_changed$/;
/** What a session gets that has named no level, once any other has. */
const USUAL_LEVEL = "info";

/** Who hears what a server announces that several sessions share. */
export class SharedNews<H extends Hearer> {
  readonly #all = new Set<H>();
  /** URI to who subscribed to it, and whether the server has confirmed it. */
  readonly #subscribers = new Map<string, Map<H, boolean>>();
  readonly #levels = new Map<H, string>();
  #told: string | undefined;
  #principals: Set<string | undefined> | undefined = new Set();

  /** Sessions open now. */
  get all(): ReadonlySet<H> {
    return this.#all;
  }

  /**
   * Whether all who ever used this server are the same caller. What a server logs may be about any of them, also
   * about one who has left.
   */
  get onePrincipal(): boolean {
    return this.#principals !== undefined;
  }

  join(hearer: H, principal: string | undefined): void {
    this.#all.add(hearer);
    this.#principals?.add(principal);
    if ((this.#principals?.size ?? 0) > 1) this.#principals = undefined;
  }

  /** @returns what nobody subscribes to any more. */
  leave(hearer: H): string[] {
    this.#all.delete(hearer);
    this.#levels.delete(hearer);
    return [...this.#subscribers.keys()].filter(
      (uri) => this.#subscribers.get(uri)?.has(hearer) && this.unsubscribe(hearer, uri),
    );
  }

  /** @returns whether the server has confirmed a subscription to `uri` already. */
  subscribe(hearer: H, uri: string): boolean {
    const holders = this.#subscribers.get(uri) ?? new Map<H, boolean>();
    this.#subscribers.set(uri, holders);
    const confirmed = [...holders.values()].includes(true);
    // From now on: an update may come before the answer.
    holders.set(hearer, confirmed);
    return confirmed;
  }

  confirm(hearer: H, uri: string): void {
    const holders = this.#subscribers.get(uri);
    if (holders?.has(hearer)) holders.set(hearer, true);
  }

  /** @returns whether nobody else is subscribed. */
  unsubscribe(hearer: H, uri: string): boolean {
    const holders = this.#subscribers.get(uri);
    holders?.delete(hearer);
    if ((holders?.size ?? 0) > 0) return false;
    this.#subscribers.delete(uri);
    return true;
  }

  setLevel(hearer: H, level: string): void {
    this.#levels.set(hearer, level);
  }

  /** The level that the server must be told now: the least that anyone wants; undefined if it knows. */
  levelToTell(): string | undefined {
    if (this.#told === undefined && this.#levels.size === 0) return undefined;
    const wanted = [...this.#all].map((hearer) => this.#indexFor(hearer));
    const least = MCP_LOG_LEVELS[Math.min(...wanted)];
    if (least === undefined || least === this.#told) return undefined;
    this.#told = least;
    return least;
  }

  /** Who hears a notification that belongs to no request. */
  audience(message: Message): H[] {
    const { method = "" } = message;
    const open = [...this.#all].filter(({ initialized }) => initialized);
    if (LISTS.test(method)) return open;
    if (method === "notifications/resources/updated") {
      const uri = stringParam(message, "uri");
      return uri === undefined ? [] : open.filter((hearer) => this.#subscribed(hearer, uri));
    }
    // Logs, and what only a vendor knows, say nothing of whom they are about.
    if (!this.onePrincipal) return [];
    if (method !== "notifications/message" || this.#told === undefined) return open;
    const level = MCP_LOG_LEVELS.indexOf(stringParam(message, "level") ?? "");
    return open.filter((hearer) => level >= this.#indexFor(hearer));
  }

  #subscribed(hearer: H, uri: string): boolean {
    for (const [subscribed, holders] of this.#subscribers) {
      if (holders.has(hearer) && isAtOrBelow(uri, subscribed)) return true;
    }
    return false;
  }

  #indexFor(hearer: H): number {
    return MCP_LOG_LEVELS.indexOf(this.#levels.get(hearer) ?? USUAL_LEVEL);
  }
}
