interface Waiting {
  readonly bytes: Buffer;
  readonly passed: () => void;
}

/** Messages of a server in this process on their way to its session: passed on at once, or kept while it is paused. */
export class PortOutbox {
  readonly #maxBytes: number;
  readonly #waiting: Waiting[] = [];
  #bytes = 0;
  #paused = false;
  #deliver: ((bytes: Buffer) => void) | undefined;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** More waits than may: whatever comes next is too much. A single message may be larger. */
  get full(): boolean {
    return this.#bytes > this.#maxBytes;
  }

  /** Gives the messages to `deliver` from now on, first those that came before. */
  listen(deliver: (bytes: Buffer) => void): void {
    this.#deliver = deliver;
    this.#flush();
  }

  /** Resolves once the message has been passed on. */
  push(bytes: Buffer): Promise<void> {
    if (this.#deliver !== undefined && !this.#paused && this.#waiting.length === 0) {
      this.#deliver(bytes);
      return Promise.resolve();
    }
    this.#bytes += bytes.length;
    return new Promise((passed) => {
      this.#waiting.push({ bytes, passed });
    });
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#flush();
  }

  /** The server has gone. What it said before still counts, unless it was ended on purpose. */
  end(deliver: boolean): void {
    // Kept for whoever comes to listen.
    if (this.#deliver === undefined) return;
    this.#bytes = 0;
    for (const { bytes, passed } of this.#waiting.splice(0)) {
      if (deliver) this.#deliver(bytes);
      passed();
    }
  }

  /** Passing a message on can pause this again. */
  #flush(): void {
    while (this.#deliver !== undefined && !this.#paused) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      this.#bytes -= next.bytes.length;
      this.#deliver(next.bytes);
      next.passed();
    }
  }
}
