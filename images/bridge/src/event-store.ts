import type { EventFrame } from "./event-frame.ts";

/** One event of a stream, as it was (or would have been) written. */
export interface StoredEvent {
  readonly stream: StoredStream;
  readonly seq: number;
  readonly frame: EventFrame;
}

export interface StoredStream {
  /** True while its client might still have to fetch events it never got. */
  readonly undelivered: boolean;
  /** The event with this number has been dropped, and all before it. */
  forgotten(seq: number): void;
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
  /** From this many bytes on it is worth looking for something to drop. */
  #evictAt: number;

  /**
   * @param maxBytes kept of events that have been written to a client.
   * @param maxUndeliveredBytes kept when some have not: the answer to a request whose connection broke.
   */
  constructor(maxBytes: number, maxUndeliveredBytes: number) {
    this.#maxBytes = maxBytes;
    this.#maxUndeliveredBytes = Math.max(maxBytes, maxUndeliveredBytes);
    this.#evictAt = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(event: StoredEvent): void {
    this.#events.push(event);
    this.#bytes += event.frame.length;
    if (this.#bytes > this.#evictAt) this.#evict();
  }

  after(stream: StoredStream, seq: number): StoredEvent[] {
    return this.#events.filter((event) => event.stream === stream && event.seq > seq);
  }

  #evict(): void {
    // Down to three quarters, or every further event would bring the store here again.
    const target = this.#maxBytes * 0.75;
    let received = 0;
    for (const event of this.#events) {
      if (this.#bytes <= target || event.stream.undelivered) break;
      this.#drop(event);
      received++;
    }
    this.#events.splice(0, received);
    if (this.#bytes > target) this.#evictAmongUnreceived(target);
  }

  #evictAmongUnreceived(target: number): void {
    const kept: StoredEvent[] = [];
    const most = this.#maxUndeliveredBytes;
    const undeliveredTarget = this.#bytes > most ? most * 0.75 : most;
    for (const event of this.#events) {
      if (this.#bytes > (event.stream.undelivered ? undeliveredTarget : target)) this.#drop(event);
      else kept.push(event);
    }
    this.#events = kept;
    // What is left because nobody has received it would be walked again, for nothing, with each further event.
    const left = this.#bytes;
    this.#evictAt = left > this.#maxBytes ? Math.min(left + most / 16, most) : this.#maxBytes;
  }

  #drop({ stream, seq, frame }: StoredEvent): void {
    this.#bytes -= frame.length;
    stream.forgotten(seq);
  }
}
