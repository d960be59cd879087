/** A stream or an answer that its client has not read yet. */
interface Unread {
  readonly queuedBytes: number;
  /** Disconnects its client. */
  drop(): void;
}

/**
 * Back-pressure of one server: it is paused while its clients have more than `limit` bytes unread, and goes on
 * once they are half-way back, or it would flicker.
 */
export class Backlog {
  readonly #limit: number;
  readonly #port: { pause(): void; resume(): void };
  readonly #unread = new Set<Unread>();
  #paused = false;

  constructor(limit: number, port: { pause(): void; resume(): void }) {
    this.#limit = limit;
    this.#port = port;
  }

  get queuedBytes(): number {
    let bytes = 0;
    for (const { queuedBytes } of this.#unread) bytes += queuedBytes;
    return bytes;
  }

  /** Disconnects whoever has the most unread. */
  dropLargest(): void {
    const [largest] = [...this.#unread].sort((a, b) => b.queuedBytes - a.queuedBytes);
    largest?.drop();
  }

  /** Something was written to it, or its client has read, or is gone. */
  changed(unread: Unread): void {
    if (unread.queuedBytes > 0) this.#unread.add(unread);
    else if (!this.#unread.delete(unread)) return;
    const bytes = this.queuedBytes;
    const over = this.#paused ? bytes > this.#limit / 2 : bytes > this.#limit;
    if (over === this.#paused) return;
    this.#paused = over;
    if (over) this.#port.pause();
    else this.#port.resume();
  }
}
