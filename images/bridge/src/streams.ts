import { DeadlineTimer } from "./deadline-timer.ts";
import { EventStore } from "./event-store.ts";
import { EventStream, type StreamOwner } from "./event-stream.ts";
import { collectYoung } from "./young-garbage.ts";

/** The last streams of a session, finished ones included, which a Last-Event-ID can still name. */
const MAX_REMEMBERED = 256;
/** What is left when a session ends is sent for so long; then who does not read it is cut off. */
const REST_MS = 5_000;
/** A client that has not caught up by then does not read. */
const NOT_READ_MS = 200;
/** Older ones that can still be named because they are open, or nobody has received their answer yet. */
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
  /** The last ones, each at its number modulo `MAX_REMEMBERED`. */
  readonly #recent: (EventStream | undefined)[] = [];
  /** Older ones that are still open, or whose answer nobody has received, by name. */
  readonly #kept = new Map<string, EventStream>();
  readonly #slow = new Set<EventStream>();
  /** Streams whose head is, or was, held back. */
  #headless: EventStream[] = [];
  readonly #heads = new DeadlineTimer((now) => this.#sendHeads(now));
  readonly #salt: string;
  #count = 0;
  #congested = false;
  #collecting: NodeJS.Timeout | undefined;

  /** @param salt part of event ids; makes those of two sessions differ. */
  constructor(salt: string, options: StreamsOptions) {
    this.#salt = salt;
    this.#options = options;
    this.store = options.resumable ? new EventStore(options.eventStoreBytes, 2 * options.maxQueueBytes) : undefined;
    this.standalone = this.#create(undefined, false);
  }

  /** A stream that ends after `answers` answers. */
  open(answers: number, primed: boolean): EventStream {
    return this.#create(answers, primed);
  }

  find(lastEventId: string): Resumption {
    const dash = lastEventId.lastIndexOf("-");
    const stream = this.#named(lastEventId.slice(0, dash));
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
    return this.#all().some((stream) => stream.attached);
  }

  keepAlive(): void {
    for (const stream of this.#all()) stream.keepAlive();
  }

  end(): void {
    this.#heads.stop();
    clearTimeout(this.#collecting);
    for (const stream of this.#all()) stream.end();
    if (this.#slow.size === 0) return;
    const timer = setTimeout(() => {
      for (const stream of this.#slow) stream.cut();
    }, REST_MS);
    timer.unref();
  }

  headBy(stream: EventStream, deadline: number): void {
    this.#headless.push(stream);
    this.#heads.by(deadline);
  }

  onForgotten(stream: EventStream): void {
    this.#kept.delete(stream.name);
    const slot = this.#slotOf(stream.name);
    if (this.#recent[slot] === stream) this.#recent[slot] = undefined;
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
    clearTimeout(this.#collecting);
    if (congested) this.#collecting = setTimeout(collectYoung, NOT_READ_MS).unref();
  }

  #create(answers: number | undefined, primed: boolean): EventStream {
    const number = this.#count++;
    const stream = new EventStream(this, `${this.#salt}-${number.toString(36)}`, answers, primed);
    const slot = number % MAX_REMEMBERED;
    const old = this.#recent[slot];
    this.#recent[slot] = stream;
    if (old !== undefined && (!old.ended || old.undelivered)) this.#keep(old);
    return stream;
  }

  #keep(stream: EventStream): void {
    this.#kept.set(stream.name, stream);
    if (this.#kept.size <= MAX_UNDELIVERED) return;
    for (const [name, { ended }] of this.#kept) {
      if (!ended) continue;
      this.#kept.delete(name);
      return;
    }
  }

  #slotOf(name: string): number {
    return Number.parseInt(name.slice(name.lastIndexOf("-") + 1), 36) % MAX_REMEMBERED;
  }

  #named(name: string): EventStream | undefined {
    const recent = this.#recent[this.#slotOf(name)];
    return recent?.name === name ? recent : this.#kept.get(name);
  }

  #all(): EventStream[] {
    return [...this.#recent.filter((stream) => stream !== undefined), ...this.#kept.values()];
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
