/** How long a token that was found good need not be verified again. */
const TRUST_MS = 60_000;
/** About a megabyte. */
const MAX_TOKENS = 4_096;

/**
 * Tokens that were verified a moment ago: a signature costs half a call. Known by their digest only, never kept
 * longer than they are good, and bounded: the one that was verified first makes room.
 */
export class VerifiedTokens {
  readonly #now: () => number;
  readonly #known = new Map<string, { readonly principal: string; readonly until: number }>();

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  get size(): number {
    return this.#known.size;
  }

  /** @param expires in milliseconds since 1970. */
  add(digest: string, principal: string, expires: number): void {
    this.#known.delete(digest);
    const [first] = this.#known.size < MAX_TOKENS ? [] : this.#known.keys();
    if (first !== undefined) this.#known.delete(first);
    this.#known.set(digest, { principal, until: Math.min(expires, this.#now() + TRUST_MS) });
  }

  principalOf(digest: string): string | undefined {
    const found = this.#known.get(digest);
    if (found === undefined || this.#now() < found.until) return found?.principal;
    this.#known.delete(digest);
    return undefined;
  }
}
