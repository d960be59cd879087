import { DeadlineTimer } from "./deadline-timer.ts";
import { EventStore } from "./event-store.ts";
import { EventStream, type StreamOwner } from "./event-stream.ts";

/** Streams, finished ones included, that a Last-Event-ID can still name. */
const MAX_REMEMBERED = 256;
/** The same, with those whose answer nobody has received yet. */
const MAX_UNDELIVERED = 1_024;

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
  /** Streams whose head is, or was, held back. */
  #headless: EventStream[] = [];
  readonly #heads = new DeadlineTimer((now) => this.#sendHeads(now));
  readonly #salt: string;
  #count = 0;
  #sweepAt = MAX_REMEMBERED;
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
    this.#heads.stop();
    for (const stream of this.#streams.values()) stream.end();
  }

  headBy(stream: EventStream, deadline: number): void {
    this.#headless.push(stream);
    this.#heads.by(deadline);
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
    if (this.#streams.size > this.#sweepAt) this.#forgetOldest();
    return stream;
  }

  /** Many at once, because all are walked, and past what was deleted before. */
  #forgetOldest(): void {
    for (const [name, stream] of this.#streams) {
      if (this.#streams.size <= MAX_REMEMBERED / 2) break;
      const over = this.#streams.size > MAX_UNDELIVERED;
      if (stream.ended && (over || !stream.undelivered)) this.#streams.delete(name);
    }
    this.#sweepAt = Math.max(MAX_REMEMBERED, this.#streams.size + MAX_REMEMBERED / 2);
  }

  #sendHeads(now: number): number {
    let next = Number.POSITIVE_INFINITY;
    this.#headless = this.#headless.filter((stream) => {
      const deadline = stream.sendHead(now);
      next = Math.min(next, deadline);
      return deadline < Number.POSITIVE_INFINITY;
    });
    return next;
  }
}
