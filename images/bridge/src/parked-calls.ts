/** A call that waits for its client with input, holding its server. */
export interface Parkable {
  /** Nobody will come for it. */
  abandon(reason: string): void;
}

/** Calls that wait for input: few for each kind of client, for every one of them holds a server. */
export class ParkedCalls<Call extends Parkable> {
  readonly #max: number;
  readonly #expiry: number;
  readonly #byId = new Map<string, { readonly call: Call; readonly key: string; readonly timer: NodeJS.Timeout }>();

  /**
   * @param max calls for each key; the oldest goes when there are more.
   * @param expiry milliseconds until nobody is expected any more.
   */
  constructor(max: number, expiry: number) {
    this.#max = max;
    this.#expiry = expiry;
  }

  get size(): number {
    return this.#byId.size;
  }

  add(id: string, key: string, call: Call): void {
    const same = [...this.#byId].filter(([, parked]) => parked.key === key);
    if (same.length >= this.#max) this.#drop(same[0]?.[0] ?? "", "too many calls wait for input; the oldest ended");
    const timer = setTimeout(() => this.#drop(id, "no input came in time"), this.#expiry);
    timer.unref();
    this.#byId.set(id, { call, key, timer });
  }

  /** The call, which is not parked any more. */
  take(id: string): Call | undefined {
    const parked = this.#byId.get(id);
    if (parked === undefined) return undefined;
    clearTimeout(parked.timer);
    this.#byId.delete(id);
    return parked.call;
  }

  /** Ends all of them. */
  clear(reason: string): void {
    for (const id of [...this.#byId.keys()]) this.#drop(id, reason);
  }

  #drop(id: string, reason: string): void {
    this.take(id)?.abandon(reason);
  }
}
