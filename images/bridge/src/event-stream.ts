import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import { type EventFrame, eventFrame, writeFrame } from "./event-frame.ts";
import type { EventStore, StoredStream } from "./event-store.ts";
import type { Delivery, Outlet } from "./outlet.ts";

/**
 * How long the head of a response is held back so that it can leave in one packet with a fast answer. Short
 * against the time anyone waits for a stream to open.
 */
const HEAD_DELAY_MS = 50;
/** Pause before a client reconnects a stream that broke (`retry` of the priming event). */
const RETRY_MS = 1_000;
/** Events that may come before the only client of a stream without a store is connected. */
const MAX_EARLY = 256;

/** What the streams of one session share. */
export interface StreamOwner {
  /** Keeps events for Last-Event-ID; without it events carry no id (2024-11-05). */
  readonly store: EventStore | undefined;
  /** A client reads more slowly than the server writes, or has caught up. */
  onFlow(stream: EventStream): void;
  onForgotten(stream: EventStream): void;
  /** `sendHead` of the stream is to be called by then. */
  headBy(stream: EventStream, deadline: number): void;
}

/** One logical SSE stream: it outlives the connections that read it, so that a client can come back. */
export class EventStream implements Outlet, StoredStream {
  /** Names the stream inside its session; first part of its event ids. */
  readonly name: string;
  readonly #owner: StreamOwner;
  readonly #standalone: boolean;
  /** 2025-11-25: begins with an event that has an id and no data, which older clients cannot parse. */
  readonly #primed: boolean;
  #remaining: number;
  #seq = 0;
  #written = 0;
  #response: ServerResponse | undefined;
  #headers: OutgoingHttpHeaders = {};
  /** When the head leaves at the latest, by `performance.now()`. */
  #headDeadline = Number.POSITIVE_INFINITY;
  #headSent = false;
  #prologue = "";
  #early: EventFrame[] = [];
  #ended = false;
  #flushed = false;
  /** The flow of the present response is watched. */
  #slow = false;

  /** @param answers requests that it answers before it ends; undefined for a stream that stays open. */
  constructor(owner: StreamOwner, name: string, answers: number | undefined, primed: boolean) {
    this.name = name;
    this.#owner = owner;
    this.#standalone = answers === undefined;
    this.#primed = primed;
    this.#remaining = answers ?? Number.POSITIVE_INFINITY;
  }

  get attached(): boolean {
    return this.#response !== undefined;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Answers not yet received are kept longer; what came unasked is not. */
  get undelivered(): boolean {
    return !this.#standalone && !this.attached && !this.#flushed;
  }

  /** Bytes that wait for the client. */
  get queuedBytes(): number {
    return this.#response?.writableLength ?? 0;
  }

  /** True if an event with this number was sent on this stream. */
  knows(seq: number): boolean {
    return seq >= 0 && seq <= this.#seq;
  }

  forgotten(seq: number): void {
    if (this.#ended && seq === this.#seq) this.#owner.onForgotten(this);
  }

  /**
   * Connects a client. It gets what it has not seen: after `lastSeq`, or else what nobody has seen yet.
   * A client that was connected before is let go: each message goes to one connection only.
   * @param headers of the response, to which those of every stream are added.
   */
  attach(response: ServerResponse, headers: OutgoingHttpHeaders = {}, lastSeq?: number): void {
    // It left while its request was read: nothing may be written to it, and no event will say so again.
    if (response.destroyed) return;
    const previous = this.#response;
    this.#response = undefined;
    previous?.end();
    const seen = lastSeq ?? this.#written;
    const missed = this.#seq > seen ? (this.#owner.store?.after(this, seen) ?? []) : [];
    this.#response = response;
    this.#headers = headers;
    this.#headSent = false;
    this.#flushed = false;
    this.#slow = false;
    this.#prologue = this.#primed && lastSeq === undefined ? this.#priming() : "";
    response.on("close", () => this.#detach(response));
    for (const event of missed) this.#write(event.frame, event.seq);
    if (this.#ended) this.#finish();
    else if (this.#owner.store === undefined) return;
    else if (this.#headSent) return;
    else {
      const now = performance.now();
      this.#headDeadline = now + HEAD_DELAY_MS;
      if (this.#standalone) this.sendHead(this.#headDeadline);
      else this.#owner.headBy(this, this.#headDeadline);
    }
  }

  deliver(message: Buffer, delivery: Delivery): void {
    if (this.#ended) return;
    const { store } = this.#owner;
    const seq = ++this.#seq;
    const frame = eventFrame(message, store === undefined ? undefined : `${this.name}-${seq}`);
    store?.add({ stream: this, seq, frame });
    if (delivery !== "event" && --this.#remaining === 0) {
      this.#ended = true;
      this.#finish(frame, seq);
    } else this.#write(frame, seq);
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

  /** Lets go of a client that does not read. */
  cut(): void {
    this.#response?.destroy();
  }

  /** A comment, which clients ignore: keeps proxies from closing the connection and finds dead peers. */
  keepAlive(): void {
    if (this.#response !== undefined && this.#headSent && this.queuedBytes === 0)
      this.#response.write(": keep-alive\n\n");
  }

  /** Opens a stream without a store with `text`, the `endpoint` event of 2024-11-05. */
  greet(text: string): void {
    const response = this.#response;
    if (response === undefined) return;
    this.#writeHead(response);
    response.write(text);
    for (const frame of this.#early) writeFrame(response, frame, "", false);
    this.#early = [];
  }

  #priming(): string {
    return `id: ${this.name}-${this.#seq}\nretry: ${RETRY_MS}\ndata: \n\n`;
  }

  #write(frame: EventFrame, seq: number): void {
    const response = this.#response;
    if (response === undefined) {
      // Without a store a stream has one client, which is about to be connected.
      if (this.#owner.store === undefined && this.#early.length < MAX_EARLY) this.#early.push(frame);
      return;
    }
    this.#written = Math.max(this.#written, seq);
    if (!this.#headSent) this.#writeHead(response);
    writeFrame(response, frame, this.#takePrologue(), false);
    this.#watchFlow(response);
  }

  #finish(frame?: EventFrame, seq = this.#written): void {
    const response = this.#response;
    if (response === undefined) return;
    this.#written = Math.max(this.#written, seq);
    const prologue = this.#takePrologue();
    // Nothing has left yet and this is all: one packet, no chunks.
    if (!this.#headSent) this.#writeHead(response, prologue.length + (frame?.length ?? 0));
    if (frame === undefined) response.end(prologue);
    else writeFrame(response, frame, prologue, true);
    this.#watchFlow(response);
  }

  /** Most clients take all at once; for the others the server may have to wait. */
  #watchFlow(response: ServerResponse): void {
    if (response.writableLength === 0) return;
    if (!this.#slow) response.on("drain", () => this.#owner.onFlow(this));
    this.#slow = true;
    this.#owner.onFlow(this);
  }

  #writeHead(response: ServerResponse, contentLength?: number): void {
    this.#headDeadline = Number.POSITIVE_INFINITY;
    this.#headSent = true;
    const headers = this.#headers;
    headers["content-type"] = "text/event-stream";
    if (contentLength === undefined || response.req.method !== "POST") {
      headers["cache-control"] = "no-cache, no-transform";
      // Proxies that buffer (nginx) hold back events otherwise.
      headers["x-accel-buffering"] = "no";
    }
    if (contentLength !== undefined) headers["content-length"] = contentLength;
    response.writeHead(200, headers);
  }

  #takePrologue(): string {
    const prologue = this.#prologue;
    this.#prologue = "";
    return prologue;
  }

  /** Sends the head of the response if it has been held back for long enough; returns when it has to leave. */
  sendHead(now: number): number {
    const response = this.#response;
    if (response === undefined || this.#headDeadline > now) return this.#headDeadline;
    this.#writeHead(response);
    const prologue = this.#takePrologue();
    if (prologue === "") response.flushHeaders();
    else response.write(prologue);
    return this.#headDeadline;
  }

  #detach(response: ServerResponse): void {
    if (this.#response !== response) return;
    this.#headDeadline = Number.POSITIVE_INFINITY;
    this.#response = undefined;
    this.#flushed = response.writableFinished;
    this.#owner.onFlow(this);
  }
}
