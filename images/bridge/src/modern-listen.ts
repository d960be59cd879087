import { ErrorCode, type Message } from "./envelope.ts";
import type { Outcome } from "./metrics.ts";
import { passedAnswer, passedRequest } from "./modern-pass.ts";
import type { Policy } from "./policy.ts";
import type { LinkCall, ServerLink } from "./server-link.ts";
import type { SessionlessRequest } from "./sessionless-checks.ts";
import { withSubscription } from "./sessionless-messages.ts";
import type { SessionlessReply } from "./sessionless-reply.ts";
import { subscriptionEnd } from "./subscriptions.ts";

export interface ListenContext {
  readonly policy: Policy;
  /** Bytes that may wait for a client that does not read. */
  readonly maxQueueBytes: number;
  /** Longest wait for the acknowledgement, in milliseconds. */
  readonly requestTimeout: number;
}

/** One `subscriptions/listen` of a client, as one of the bridge at a server that speaks 2026-07-28 itself. */
class ModernListen implements LinkCall {
  readonly #reply: SessionlessReply;
  readonly #link: ServerLink;
  readonly #context: ListenContext;
  readonly #onEnd: (listen: ModernListen) => void;
  readonly #id: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    reply: SessionlessReply,
    link: ServerLink,
    context: ListenContext,
    onEnd: (listen: ModernListen) => void,
  ) {
    this.#reply = reply;
    this.#link = link;
    this.#context = context;
    this.#onEnd = onEnd;
    this.#id = link.newId();
  }

  start({ message }: SessionlessRequest): void {
    this.#link.pins.add(this);
    this.#timer = setTimeout(
      () => this.#refuse(ErrorCode.timeout, "the server did not answer in time", "timeout"),
      this.#context.requestTimeout,
    );
    this.#link.start(this.#id, passedRequest(message, this.#id, this.#context.policy), this);
  }

  heard(message: Message): void {
    clearTimeout(this.#timer);
    if (this.#reply.queuedBytes > this.#context.maxQueueBytes) {
      this.#reply.abandon();
      this.left();
    } else this.#reply.event(withSubscription(message, this.#reply.id));
  }

  /** The server ends it, as it ends all when it shuts down. */
  answered(message: Message): void {
    if (message.error === undefined) {
      this.ended();
      return;
    }
    const { body, status } = passedAnswer(message, this.#reply.id, "subscriptions/listen", this.#context.policy);
    this.#reply.end(body, status, "error");
    this.#release();
  }

  ended(): void {
    this.#reply.end(subscriptionEnd(this.#reply.id, this.#link.serverInfo));
    this.left();
  }

  lost(): void {
    this.#refuse(ErrorCode.server, "the server is gone; listen again", "child_exit");
  }

  /** The client closed its stream, or nobody else goes on with it. */
  left(): void {
    this.#link.cancel(this.#id, "the client closed the stream");
    this.#release();
  }

  #refuse(code: number, message: string, outcome: Outcome): void {
    this.#reply.refuse({ status: 200, code, message, cause: "child_exit" }, outcome);
    this.left();
  }

  #release(): void {
    clearTimeout(this.#timer);
    this.#link.pins.delete(this);
    this.#onEnd(this);
  }
}

/** All of them. */
export class ModernListens {
  readonly #context: ListenContext;
  readonly #open = new Map<SessionlessReply, ModernListen>();

  constructor(context: ListenContext) {
    this.#context = context;
  }

  get size(): number {
    return this.#open.size;
  }

  open(request: SessionlessRequest, reply: SessionlessReply, link: ServerLink): void {
    const listen = new ModernListen(reply, link, this.#context, () => this.#open.delete(reply));
    this.#open.set(reply, listen);
    listen.start(request);
  }

  /** A client closed its stream. */
  left(reply: SessionlessReply): void {
    this.#open.get(reply)?.left();
  }

  /** Ends all streams as the revision wants it of a server that shuts down: with a result. */
  close(): void {
    for (const listen of [...this.#open.values()]) listen.ended();
  }
}
