import type { Capabilities } from "./client-capabilities.ts";
import type { Message } from "./envelope.ts";
import type { Port } from "./port.ts";
import { Unavailable } from "./port.ts";
import { type LinkContext, ServerLink } from "./server-link.ts";

export interface LinkPoolOptions {
  readonly acquire: (principal: string | undefined) => Promise<Port>;
  readonly context: Omit<LinkContext, "onNews" | "onLost">;
  readonly idleTimeout: number;
  /** Links that may be open now. */
  readonly room: () => number;
  readonly tooMany: () => Error;
  readonly onNews: (principal: string | undefined, message: Message) => void;
  readonly onLost: (link: ServerLink) => void;
}

interface Shared {
  readonly opening: Promise<ServerLink>;
  link: ServerLink | undefined;
}

const keyOf = (principal: string | undefined, capabilities: Capabilities): string =>
  JSON.stringify([principal ?? null, capabilities]);

/**
 * The servers of the sessionless era. Those that a client without capabilities uses are shared, one for each
 * principal; a server that may ask something, or whose logs are wanted, serves one call at a time.
 */
export class LinkPool {
  readonly #options: LinkPoolOptions;
  /** With the key of what each may be used for. */
  readonly #all = new Map<ServerLink, string>();
  readonly #shared = new Map<string, Shared>();
  readonly #idle = new Set<ServerLink>();
  readonly #timer: NodeJS.Timeout;
  #opening = 0;
  #initialized: ServerLink | undefined;

  constructor(options: LinkPoolOptions) {
    this.#options = options;
    const { idleTimeout } = options;
    this.#timer = setInterval(() => this.#endIdle(), Math.min(30_000, Math.max(50, idleTimeout / 4)));
    this.#timer.unref();
  }

  /** Links open or being opened. */
  get size(): number {
    return this.#all.size + this.#opening;
  }

  get queuedBytes(): number {
    let sum = 0;
    for (const link of this.#all.keys()) sum += link.queuedBytes;
    return sum;
  }

  /** Any link that was ever initialised: how the server introduces itself does not change. */
  get initialized(): ServerLink | undefined {
    return this.#initialized;
  }

  /** The server that all calls without client capabilities of a principal share. */
  shared(principal: string | undefined): Promise<ServerLink> {
    const key = keyOf(principal, {});
    const known = this.#shared.get(key);
    if (known !== undefined) return known.opening;
    const entry: Shared = { opening: this.#open(principal, {}), link: undefined };
    this.#shared.set(key, entry);
    entry.opening.then(
      (link) => {
        entry.link = link;
        if (link.gone) this.#shared.delete(key);
      },
      () => this.#shared.delete(key),
    );
    return entry.opening;
  }

  /** A server for one call; give it back with `release`. */
  async exclusive(principal: string | undefined, capabilities: Capabilities): Promise<ServerLink> {
    const key = keyOf(principal, capabilities);
    for (const link of this.#idle) {
      if (this.#all.get(link) !== key) continue;
      this.#idle.delete(link);
      return link;
    }
    return this.#open(principal, capabilities);
  }

  /** @param clean false if something of the call may still come: the server is not used again. */
  release(link: ServerLink, clean: boolean): void {
    if (link.gone) return;
    // What a call asked and nobody answered must not be asked of the next one's client.
    const asking = [...link.asks.values()].some(({ method }) => method !== "roots/list");
    if (!clean || link.personal || asking) link.close();
    else {
      link.idleSince = Date.now();
      this.#idle.add(link);
    }
  }

  /** Ends one server that nobody uses just now; false if all are in use. */
  endOneIdle(): boolean {
    if (this.#endOldestIdle()) return true;
    for (const [key, { link }] of this.#shared) {
      if (link === undefined || link.inFlight > 0 || link.pins.size > 0) continue;
      this.#shared.delete(key);
      this.#all.delete(link);
      link.close();
      return true;
    }
    return false;
  }

  /** Ends every link; the requests in flight get an error as their servers go. */
  close(): void {
    clearInterval(this.#timer);
    for (const link of this.#all.keys()) link.close();
  }

  async #open(principal: string | undefined, capabilities: Capabilities): Promise<ServerLink> {
    const { room, tooMany, acquire, context, onNews, onLost } = this.#options;
    if (this.size >= room() && !this.#endOldestIdle()) throw tooMany();
    this.#opening++;
    try {
      const link = await ServerLink.open(await acquire(principal), capabilities, {
        ...context,
        onNews: (message) => onNews(principal, message),
        onLost: (lost) => {
          this.#forget(lost);
          onLost(lost);
        },
      });
      if (link.gone) throw new Unavailable("the server ended as soon as it was started", 1_000);
      this.#all.set(link, keyOf(principal, capabilities));
      this.#initialized = link;
      return link;
    } finally {
      this.#opening--;
    }
  }

  #forget(link: ServerLink): void {
    this.#idle.delete(link);
    this.#all.delete(link);
    for (const [key, entry] of this.#shared) if (entry.link === link) this.#shared.delete(key);
  }

  #endOldestIdle(): boolean {
    const [oldest] = this.#idle;
    if (oldest === undefined) return false;
    this.#idle.delete(oldest);
    this.#all.delete(oldest);
    oldest.close();
    return true;
  }

  #endIdle(): void {
    const before = Date.now() - this.#options.idleTimeout;
    for (const link of this.#idle) {
      if (link.idleSince > before) continue;
      this.#idle.delete(link);
      link.close();
    }
    for (const [key, { link }] of this.#shared) {
      if (link === undefined || link.inFlight > 0 || link.pins.size > 0 || link.idleSince > before) continue;
      this.#shared.delete(key);
      link.close();
    }
  }
}
