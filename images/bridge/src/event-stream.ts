import type { ServerResponse } from "node:http";
import type { EventStore, StoredStream } from "./event-store.ts";
import type { Delivery, Outlet } from "./outlet.ts";

/**
 * How long the head of a response is held back so that it can leave in one packet with a fast answer. Short
 * against the time anyone waits for a stream to open.
 */
const HEAD_DELAY_MS = 5;
/** Pause before a client reconnects a stream that broke (`retry` of the priming event). */
const RETRY_MS = 1_000;
/** Events that may come before the only client of a stream without a store is connected. */
const MAX_EARLY = 256;

export interface EventStreamOptions {
  /** Names the stream inside its session; first part of its event ids. */
  readonly name: string;
  /** Requests that it answers before it ends; undefined for a stream that stays open. */
  readonly answers: number | undefined;
  /** Keeps events for Last-Event-ID; without it events carry no id (2024-11-05). */
  readonly store?: EventStore;
  /** 2025-11-25: begin with an event that has an id and no data, which older clients cannot parse. */
  readonly primed: boolean;
  /** A client reads more slowly than the server writes, or has caught up. */
  readonly onFlow: (stream: EventStream) => void;
  readonly onForgotten: (stream: EventStream) => void;
}

/** One logical SSE stream: it outlives the connections that read it, so that a client can come back. */
export class EventStream implements Outlet, StoredStream {
  readonly #options: EventStreamOptions;
  #remaining: number;
  #seq = 0;
  #written = 0;
  #response: ServerResponse | undefined;
  #headTimer: NodeJS.Timeout | undefined;
  #headSent = false;
  #prologue = "";
  #early: Buffer[] = [];
  #ended = false;
  #flushed = false;

  constructor(options: EventStreamOptions) {
    this.#options = options;
    this.#remaining = options.answers ?? Number.POSITIVE_INFINITY;
  }

  get name(): string {
    return this.#options.name;
  }

  get attached(): boolean {
    return this.#response !== undefined;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Answers not yet received are kept longer; what came unasked is not. */
  get undelivered(): boolean {
    return this.#options.answers !== undefined && !this.attached && !this.#flushed;
  }

  /** Bytes that wait for the client. */
  get queuedBytes(): number {
    return this.#response?.writableLength ?? 0;
  }

  /** True if an event with this number was sent on this stream. */
  knows(seq: number): boolean {
    return seq >= 0 && seq <= this.#seq;
  }

  forgotten(): void {
    if (this.#ended) this.#options.onForgotten(this);
  }

  /**
   * Connects a client. It gets what it has not seen: after `lastSeq`, or else what nobody has seen yet.
   * A client that was connected before is let go: each message goes to one connection only.
   */
  attach(response: ServerResponse, lastSeq?: number): void {
    // It left while its request was read: nothing may be written to it, and no event will say so again.
    if (response.destroyed) return;
    const previous = this.#response;
    this.#response = undefined;
    previous?.end();
    const missed = this.#options.store?.after(this, lastSeq ?? this.#written) ?? [];
    this.#response = response;
    this.#headSent = false;
    this.#flushed = false;
    this.#prologue = this.#options.primed && lastSeq === undefined ? this.#priming() : "";
    response.on("drain", () => this.#options.onFlow(this));
    response.on("close", () => this.#detach(response));
    response.statusCode = 200;
    response.setHeader("content-type", "text/event-stream");
    response.setHeader("cache-control", "no-cache, no-transform");
    // Proxies that buffer (nginx) hold back events otherwise.
    response.setHeader("x-accel-buffering", "no");
    for (const event of missed) this.#write(event.frame, event.seq);
    if (this.#ended) this.#finish();
    else if (this.#options.store === undefined) return;
    else if (this.#options.answers === undefined) this.#sendHead();
    else if (!this.#headSent) this.#headTimer = setTimeout(() => this.#sendHead(), HEAD_DELAY_MS);
  }

  deliver(message: Buffer, delivery: Delivery): void {
    if (this.#ended) return;
    const { name, store } = this.#options;
    const seq = ++this.#seq;
    const head = store === undefined ? "event: message\ndata: " : `event: message\nid: ${name}-${seq}\ndata: `;
    const frame = Buffer.concat([Buffer.from(head), singleLine(message), FRAME_END]);
    store?.add({ stream: this, seq, frame });
    if (delivery !== "event" && --this.#remaining === 0) {
      this.#ended = true;
      if (this.#response !== undefined) this.#finish(frame, seq);
      return;
    }
    this.#write(frame, seq);
  }

  release(): void {
    if (--this.#remaining === 0) this.end();
  }

  /** Nothing more will come. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#finish();
  }

  /** A comment, which clients ignore: keeps proxies from closing the connection and finds dead peers. */
  keepAlive(): void {
    if (this.#response !== undefined && this.#headSent && this.queuedBytes === 0)
      this.#response.write(": keep-alive\n\n");
  }

  /** Opens a stream without a store with `text`, the `endpoint` event of 2024-11-05. */
  greet(text: string): void {
    this.#headSent = true;
    this.#response?.write(Buffer.concat([Buffer.from(text), ...this.#early]));
    this.#early = [];
  }

  #priming(): string {
    return `id: ${this.#options.name}-${this.#seq}\nretry: ${RETRY_MS}\ndata: \n\n`;
  }

  #write(frame: Buffer, seq: number): void {
    const response = this.#response;
    if (response === undefined) {
      // Without a store a stream has one client, which is about to be connected.
      if (this.#options.store === undefined && this.#early.length < MAX_EARLY) this.#early.push(frame);
      return;
    }
    this.#written = Math.max(this.#written, seq);
    if (!response.write(this.#withPrologue(frame))) this.#options.onFlow(this);
  }

  #finish(frame?: Buffer, seq = this.#written): void {
    const response = this.#response;
    if (response === undefined) return;
    this.#written = Math.max(this.#written, seq);
    const body = this.#withPrologue(frame ?? Buffer.alloc(0));
    // Nothing has left yet and this is all: one packet, no chunks.
    if (!response.headersSent) response.setHeader("content-length", body.length);
    response.once("finish", () => {
      this.#flushed = true;
    });
    response.end(body);
  }

  #withPrologue(frame: Buffer): Buffer {
    clearTimeout(this.#headTimer);
    this.#headSent = true;
    if (this.#prologue === "") return frame;
    const prologue = Buffer.from(this.#prologue);
    this.#prologue = "";
    return Buffer.concat([prologue, frame]);
  }

  #sendHead(): void {
    if (this.#headSent || this.#response === undefined) return;
    if (this.#prologue === "") {
      this.#headSent = true;
      this.#response.flushHeaders();
    } else {
      this.#response.write(this.#withPrologue(Buffer.alloc(0)));
    }
  }

  #detach(response: ServerResponse): void {
    if (this.#response !== response) return;
    clearTimeout(this.#headTimer);
    this.#response = undefined;
    this.#options.onFlow(this);
  }
}

const FRAME_END = Buffer.from("\n\n");

/** Line breaks between JSON tokens would end the event's data. */
function singleLine(message: Buffer): Buffer {
  if (!message.includes(0x0d) && !message.includes(0x0a)) return message;
  return message.map((byte) => (byte === 0x0d || byte === 0x0a ? 0x20 : byte)) as Buffer;
}
