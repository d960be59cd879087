/** One event of a stream, as it was (or would have been) written. */
export interface StoredEvent {
  readonly stream: StoredStream;
  readonly seq: number;
  readonly frame: Buffer;
}

export interface StoredStream {
  /** True while its client might still have to fetch events it never got. */
  readonly undelivered: boolean;
  /** Its last stored event has been dropped. */
  forgotten(): void;
}

/**
 * The events of one session's streams, for clients that come back with Last-Event-ID. Bounded in bytes: the
 * oldest go first, those that nobody has received yet last.
 */
export class EventStore {
  readonly #maxBytes: number;
  readonly #maxUndeliveredBytes: number;
  #events: StoredEvent[] = [];
  #bytes = 0;

  /**
   * @param maxBytes kept of events that have been written to a client.
   * @param maxUndeliveredBytes kept when some have not: the answer to a request whose connection broke.
   */
  constructor(maxBytes: number, maxUndeliveredBytes: number) {
    this.#maxBytes = maxBytes;
    this.#maxUndeliveredBytes = Math.max(maxBytes, maxUndeliveredBytes);
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(event: StoredEvent): void {
    this.#events.push(event);
    this.#bytes += event.frame.length;
    if (this.#bytes > this.#maxBytes) this.#evict();
  }

  after(stream: StoredStream, seq: number): StoredEvent[] {
    return this.#events.filter((event) => event.stream === stream && event.seq > seq);
  }

  #evict(): void {
    const kept: StoredEvent[] = [];
    const dropped = new Set<StoredStream>();
    // Down to three quarters, or every further event would walk the whole list again.
    const target = this.#maxBytes * 0.75;
    for (const event of this.#events) {
      if (this.#bytes > (event.stream.undelivered ? this.#maxUndeliveredBytes : target)) {
        this.#bytes -= event.frame.length;
        dropped.add(event.stream);
      } else {
        kept.push(event);
        dropped.delete(event.stream);
      }
    }
    this.#events = kept;
    for (const stream of dropped) stream.forgotten();
  }
}
