import { EventStore } from "./event-store.ts";
import { EventStream, type StreamOwner } from "./event-stream.ts";

/** Streams, finished ones included, that a Last-Event-ID can still name. */
const MAX_REMEMBERED = 256;

export interface StreamsOptions {
  /** Streamable HTTP: events carry ids and are kept for a while. The SSE transport knows no resumption. */
  readonly resumable: boolean;
  readonly eventStoreBytes: number;
  readonly maxQueueBytes: number;
  /** Back-pressure: true when clients have too much unread, false when they have caught up. */
  readonly onCongestion: (congested: boolean) => void;
}

/** What a Last-Event-ID leads to. */
export type Resumption =
  | { readonly kind: "resume"; readonly stream: EventStream; readonly seq: number }
  /** All of the stream has been sent. */
  | { readonly kind: "over" }
  | { readonly kind: "unknown" };

/** The streams of one session; names are unique in it, so an id of another session leads nowhere. */
export class Streams implements StreamOwner {
  /** Messages that belong to no request; on the SSE transport, all. */
  readonly standalone: EventStream;
  readonly #options: StreamsOptions;
  readonly store: EventStore | undefined;
  readonly #streams = new Map<string, EventStream>();
  readonly #slow = new Set<EventStream>();
  readonly #salt: string;
  #count = 0;
  #congested = false;

  /** @param salt part of event ids; makes those of two sessions differ. */
  constructor(salt: string, options: StreamsOptions) {
    this.#salt = salt;
    this.#options = options;
    this.store = options.resumable ? new EventStore(options.eventStoreBytes, options.maxQueueBytes) : undefined;
    this.standalone = this.#create(undefined, false);
  }

  /** A stream that ends after `answers` answers. */
  open(answers: number, primed: boolean): EventStream {
    return this.#create(answers, primed);
  }

  find(lastEventId: string): Resumption {
    const dash = lastEventId.lastIndexOf("-");
    const stream = this.#streams.get(lastEventId.slice(0, dash));
    const tail = lastEventId.slice(dash + 1);
    if (stream === undefined || !/^\d+$/.test(tail)) return { kind: "unknown" };
    const seq = Number(tail);
    if (!stream.knows(seq)) return { kind: "unknown" };
    if (stream.ended && (this.store?.after(stream, seq).length ?? 0) === 0) return { kind: "over" };
    return { kind: "resume", stream, seq };
  }

  /** Bytes that wait for this session's client. */
  get queuedBytes(): number {
    let bytes = 0;
    for (const stream of this.#slow) bytes += stream.queuedBytes;
    return bytes;
  }

  get attached(): boolean {
    for (const stream of this.#streams.values()) if (stream.attached) return true;
    return false;
  }

  keepAlive(): void {
    for (const stream of this.#streams.values()) stream.keepAlive();
  }

  end(): void {
    for (const stream of this.#streams.values()) stream.end();
  }

  onForgotten(stream: EventStream): void {
    this.#streams.delete(stream.name);
  }

  onFlow(stream: EventStream): void {
    if (stream.queuedBytes > 0) this.#slow.add(stream);
    else this.#slow.delete(stream);
    const { maxQueueBytes, onCongestion } = this.#options;
    const queued = this.queuedBytes;
    // Half-way back before it starts again, or it would flicker.
    const congested = this.#congested ? queued > maxQueueBytes / 2 : queued > maxQueueBytes;
    if (congested === this.#congested) return;
    this.#congested = congested;
    onCongestion(congested);
  }

  #create(answers: number | undefined, primed: boolean): EventStream {
    const name = `${this.#salt}-${(this.#count++).toString(36)}`;
    const stream = new EventStream(this, name, answers, primed);
    this.#streams.set(name, stream);
    if (this.#streams.size > MAX_REMEMBERED) this.#forgetOne();
    return stream;
  }

  #forgetOne(): void {
    for (const [name, stream] of this.#streams) {
      if (!stream.ended || stream.undelivered) continue;
      this.#streams.delete(name);
      return;
    }
  }
}
