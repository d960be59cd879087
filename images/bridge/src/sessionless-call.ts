import { randomBytes } from "node:crypto";
import type { CallContext, CallIdentity } from "./call-context.ts";
import type { Capabilities } from "./client-capabilities.ts";
import { ErrorCode, type Message } from "./envelope.ts";
import { listedTools } from "./listed-tools.ts";
import type { Outcome } from "./metrics.ts";
import { missingCapability } from "./refusal.ts";
import { type RequestOutcome, traced } from "./request-watch.ts";
import { calledTool, isToolError } from "./rewrite.ts";
import type { LinkCall, ServerLink } from "./server-link.ts";
import type { SessionlessRequest } from "./sessionless-checks.ts";
import {
  childRequest,
  completeResult,
  type InputRequest,
  inputRequired,
  isLoggedAt,
  requestedUri,
  translatedError,
  withProgressToken,
} from "./sessionless-messages.ts";
import { CACHEABLE_METHODS, NAME_PARAM } from "./sessionless-meta.ts";
import type { SessionlessReply } from "./sessionless-reply.ts";
import { urlElicitations, visitsOf } from "./url-elicitation.ts";

/** How long a server gets to ask for more before its client is asked. */
const GATHER_MS = 30;

/**
 * One call of a client, from its first request to its result, over as many rounds of `input_required` as the
 * server asks for. `exclusive` if the server serves nobody else meanwhile.
 */
export class SessionlessCall implements LinkCall {
  readonly #context: CallContext;
  readonly #identity: CallIdentity;
  readonly #link: ServerLink;
  readonly #exclusive: boolean;
  #id: number;
  readonly #startedAt = performance.now();
  readonly #tool: string | undefined;
  #request: SessionlessRequest;
  /** Where the answer goes; undefined while the call is parked. */
  #reply: SessionlessReply | undefined;
  #timer: NodeJS.Timeout | undefined;
  #gather: NodeJS.Timeout | undefined;
  #keys = 0;
  /** What the client has been asked in this round. */
  #open: readonly InputRequest[] = [];
  /** The server's error, if what the client has been asked is to visit URLs. */
  #unvisited: Message | undefined;
  /** What came while nobody was there to take it. */
  #late: Message | undefined;
  #parkedAs: string | undefined;
  #sent = false;
  #over = false;

  constructor(
    request: SessionlessRequest,
    reply: SessionlessReply,
    server: { readonly link: ServerLink; readonly exclusive: boolean },
    identity: CallIdentity,
    context: CallContext,
  ) {
    this.#request = request;
    this.#link = server.link;
    this.#exclusive = server.exclusive;
    this.#identity = identity;
    this.#context = context;
    this.#id = server.link.newId();
    this.#tool = request.method === "tools/call" ? calledTool(request.message) : undefined;
    this.#attach(reply);
  }

  /** Sends the call; what the server asked before it comes first. */
  start(): void {
    if (this.#link.asks.size > 0 && this.#mayAsk) this.#park();
    else this.#send();
  }

  /** A retry. @param inputs raw JSON by key; what is no object counts as missing. */
  resume(request: SessionlessRequest, reply: SessionlessReply, inputs: ReadonlyMap<string, string>): void {
    this.#request = request;
    this.#parkedAs = undefined;
    this.#attach(reply);
    if (this.#unvisited !== undefined) {
      this.#visited(this.#unvisited, inputs, reply);
      return;
    }
    for (const { key, message } of this.#open) {
      const input = inputs.get(key);
      if (input !== undefined) this.#link.reply(message, input);
    }
    this.#open = this.#open.filter(({ message }) => this.#link.waitsFor(message));
    if (this.#late !== undefined) this.#finish(this.#late);
    else if (this.#open.length > 0) this.#park();
    else {
      if (this.#sent) this.#restartTimer();
      else this.#send();
      if (this.#link.asks.size > 0) this.asked();
    }
  }

  /** The client left. */
  left(): void {
    this.#drop("the client closed the request", "cancelled");
  }

  /** Implements Parkable. */
  abandon(reason: string): void {
    this.#drop(reason, "cancelled");
  }

  answered(message: Message): void {
    if (this.#reply === undefined) this.#late = message;
    else this.#finish(message);
  }

  lost(reason: string): void {
    this.#fail(ErrorCode.server, `the server process ${reason}`, "child_exit");
  }

  progressed(message: Message): void {
    this.#timer?.refresh();
    const { progressToken } = this.#request;
    if (progressToken !== undefined) this.#event(withProgressToken(message, progressToken));
  }

  logged(message: Message): void {
    const wanted = this.#request.logLevel;
    // Of a shared server it is not known whose logs they are, by and by.
    if (wanted === undefined || !this.#exclusive) return;
    if (isLoggedAt(wanted, message)) this.#event(message.bytes);
  }

  asked(): void {
    if (this.#reply === undefined || !this.#mayAsk) return;
    this.#gather ??= setTimeout(() => this.#park(), GATHER_MS);
  }

  lacks(required: Capabilities): void {
    if (!this.#mayAsk || this.#over) return;
    const refusal = missingCapability(required);
    this.#reply?.refuse(refusal, "error");
    this.#drop(refusal.message, "error");
  }

  get #mayAsk(): boolean {
    return NAME_PARAM[this.#request.method] !== undefined;
  }

  #attach(reply: SessionlessReply): void {
    this.#reply = reply;
    reply.onRead(() => this.#link.backlog.changed(reply));
  }

  #send(): void {
    this.#sent = true;
    const { message, progressToken, trace } = this.#request;
    this.#restartTimer();
    const bytes = childRequest(message, this.#id, progressToken && String(this.#id));
    this.#link.start(this.#id, traced(bytes, this.#reply?.watched, trace), this);
  }

  #restartTimer(): void {
    clearTimeout(this.#timer);
    const { requestTimeout } = this.#context.options;
    this.#timer = setTimeout(() => {
      const reason = `no answer within ${requestTimeout} ms`;
      this.#context.metrics.fail("timeout");
      this.#link.cancel(this.#id, reason);
      this.#fail(ErrorCode.timeout, `${this.#request.method}: ${reason}; the request was cancelled`, "timeout");
    }, requestTimeout);
  }

  /** Asks the client for all that the server wants, and waits for it to come back. */
  #park(): void {
    this.#stopTimers();
    const reply = this.#reply;
    if (reply === undefined || this.#over || this.#link.asks.size === 0) return;
    const before = new Map(this.#open.map((ask) => [ask.message, ask.key]));
    this.#open = [...this.#link.asks.values()].map((message) => ({
      key: before.get(message) ?? `${message.method?.split("/")[0]}-${++this.#keys}`,
      message,
    }));
    this.#wait(reply);
  }

  #wait(reply: SessionlessReply): void {
    const { states, parked, options } = this.#context;
    const id = randomBytes(12).toString("base64url");
    const { principal, parkingKey } = this.#identity;
    const binding = { method: this.#request.method, params: this.#identity.params(), principal };
    const state = states.sign(binding, id, Date.now() + options.idleTimeout);
    this.#detach();
    this.#parkedAs = id;
    parked.add(id, parkingKey, this);
    this.#count(reply, inputRequired(reply.id, this.#open, state, this.#link.serverInfo), 200, "input_required");
  }

  #event(message: Buffer): void {
    const reply = this.#reply;
    if (reply === undefined) return;
    reply.event(message);
    this.#link.backlog.changed(reply);
  }

  #finish(message: Message): void {
    const reply = this.#reply;
    if (reply === undefined) return;
    const { method } = this.#request;
    if (message.result === undefined) {
      if (!this.#asksToVisit(message, reply)) this.#finishError(message, reply);
      return;
    }
    const listed = method === "tools/list" ? listedTools(message, this.#context) : message;
    const outcome = method === "tools/call" && isToolError(message) ? "tool_error" : "ok";
    this.#end(outcome, true);
    const more = { cacheable: CACHEABLE_METHODS.has(method), serverInfo: this.#link.serverInfo };
    this.#count(reply, completeResult(listed, reply.id, more), 200, outcome);
  }

  /** Asks the client to visit the URLs that the server's error names, and keeps the server for the next try. */
  #asksToVisit(message: Message, reply: SessionlessReply): boolean {
    const urls = this.#mayAsk ? urlElicitations(message, this.#keys) : [];
    if (urls.length === 0 || this.#context.policy.refusesServerRequest("elicitation/create")) return false;
    if (this.#link.capabilities.elicitation?.url === undefined) {
      this.lacks({ elicitation: { url: {} } });
      return true;
    }
    this.#stopTimers();
    this.#keys += urls.length;
    this.#unvisited = message;
    this.#open = urls;
    this.#wait(reply);
    return true;
  }

  #visited(refused: Message, inputs: ReadonlyMap<string, string>, reply: SessionlessReply): void {
    const { open, declined } = visitsOf(this.#open, inputs);
    this.#open = declined ? [] : open;
    if (this.#open.length > 0) {
      this.#wait(reply);
      return;
    }
    this.#unvisited = undefined;
    if (declined) {
      this.#finishError(refused, reply);
      return;
    }
    this.#id = this.#link.newId();
    this.#send();
  }

  #finishError(message: Message, reply: SessionlessReply): void {
    const { status, body } = translatedError(message, reply.id, requestedUri(this.#request.message));
    this.#end("error", true);
    this.#count(reply, body, status, "error");
  }

  #fail(code: number, message: string, outcome: Outcome): void {
    this.#reply?.refuse({ status: 200, code, message, cause: "timeout" }, outcome);
    this.#end(outcome, false);
  }

  #count(reply: SessionlessReply, body: Buffer, status: number, outcome: RequestOutcome): void {
    reply.end(body, status, outcome);
    this.#link.backlog.changed(reply);
  }

  #drop(reason: string, outcome: Outcome): void {
    if (this.#over) return;
    if (this.#sent) this.#link.cancel(this.#id, reason);
    this.#end(outcome, false);
  }

  #stopTimers(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#gather);
    // Progress refreshes the timer, which would wake up a cleared one.
    this.#timer = undefined;
    this.#gather = undefined;
  }

  /** @param clean the server has nothing left to do for it. */
  #end(outcome: Outcome, clean: boolean): void {
    if (this.#over) return;
    this.#over = true;
    this.#stopTimers();
    if (this.#parkedAs !== undefined) this.#context.parked.take(this.#parkedAs);
    this.#detach();
    const { method } = this.#request;
    const seconds = (performance.now() - this.#startedAt) / 1_000;
    this.#context.metrics.request({ method, tool: this.#tool, outcome, seconds });
    if (this.#exclusive) this.#context.release(this.#link, clean);
  }

  #detach(): void {
    if (this.#reply !== undefined) this.#context.onDetached(this.#reply);
    this.#reply = undefined;
  }
}
