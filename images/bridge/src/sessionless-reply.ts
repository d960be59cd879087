import type { ServerResponse } from "node:http";
import { errorMessage } from "./envelope.ts";
import { eventFrame, writeFrame } from "./event-frame.ts";
import { sendJson } from "./http.ts";
import type { Refusal } from "./refusal.ts";
import type { RequestOutcome, Watched } from "./request-watch.ts";

export interface ReplyContext {
  /** Milliseconds between comments. */
  readonly keepAlive: number;
  /** Milliseconds for which a client may read nothing of what waits for it. */
  readonly stall: number;
  /** Told how the request ends; undefined while nobody looks. */
  readonly watched: Watched | undefined;
  /** Bytes of a message have been written. */
  readonly onSent: (bytes: number) => void;
  /** The client left before it was answered. */
  readonly onGone: () => void;
}

/**
 * The answer to one request of the sessionless era: JSON if the answer is all there is, which leaves the HTTP
 * status open until then; a stream from the first event on, or once it has taken as long as a keep-alive.
 */
export class SessionlessReply {
  /** The request's id, as raw text. */
  readonly id: string;
  readonly watched: Watched | undefined;
  readonly #response: ServerResponse;
  readonly #onSent: (bytes: number) => void;
  readonly #timer: NodeJS.Timeout;
  #streaming = false;
  #done = false;

  constructor(response: ServerResponse, id: string, context: ReplyContext) {
    this.#response = response;
    this.id = id;
    this.watched = context.watched;
    this.#onSent = context.onSent;
    this.#timer = setInterval(() => this.#keepAlive(), context.keepAlive);
    response.setTimeout(context.stall, () => {
      // Silence alone is no fault: a stream may have nothing to say.
      if (response.writableLength > 0) response.destroy();
    });
    response.once("close", () => {
      clearInterval(this.#timer);
      if (this.#done) return;
      this.#done = true;
      this.watched?.end("cancelled");
      context.onGone();
    });
  }

  /** Answered, or nobody is there any more. */
  get done(): boolean {
    return this.#done || this.#response.destroyed;
  }

  /** Bytes that wait for the client. */
  get queuedBytes(): number {
    return this.#response.destroyed ? 0 : this.#response.writableLength;
  }

  /** Calls `changed` each time the client has read all, and when it is gone. */
  onRead(changed: () => void): void {
    for (const event of ["drain", "finish", "close"]) this.#response.on(event, changed);
  }

  event(message: Buffer): void {
    if (this.done) return;
    this.#open();
    this.#onSent(message.length);
    writeFrame(this.#response, eventFrame(message), "", false);
  }

  /** The answer. @param status only if no event has gone before. */
  end(message: Buffer, status = 200, outcome: RequestOutcome = "ok"): void {
    if (this.done) return;
    this.#finish();
    this.watched?.end(outcome, message);
    this.#onSent(message.length);
    if (this.#streaming) writeFrame(this.#response, eventFrame(message), "", true);
    else sendJson(this.#response, status, message);
  }

  refuse(refusal: Refusal, outcome: RequestOutcome = "refused"): void {
    if (this.done) return;
    if (!this.#streaming)
      for (const [name, value] of Object.entries(refusal.headers ?? {})) this.#response.setHeader(name, value);
    this.end(errorMessage(this.id, refusal.code, refusal.message, refusal.data), refusal.status, outcome);
  }

  /** Disconnects the client, as if it had left. */
  drop(): void {
    this.#response.destroy();
  }

  /** Ends a stream whose client does not read. */
  abandon(): void {
    this.#finish();
    this.watched?.end("cancelled");
    this.#response.destroy();
  }

  #finish(): void {
    this.#done = true;
    clearInterval(this.#timer);
  }

  #open(): void {
    if (this.#streaming) return;
    this.#streaming = true;
    this.#response.writeHead(200, {
      "content-type": "text/event-stream",
      "cache-control": "no-cache, no-transform",
      // Proxies that buffer (nginx) hold back events otherwise.
      "x-accel-buffering": "no",
    });
  }

  #keepAlive(): void {
    // Nobody was there from the start, so no event will ever say so.
    if (this.done) clearInterval(this.#timer);
    if (this.done || this.queuedBytes > 0) return;
    this.#open();
    this.#response.write(": keep-alive\n\n");
  }
}
