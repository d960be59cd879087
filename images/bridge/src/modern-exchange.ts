import type { CallContext } from "./call-context.ts";
import { ErrorCode, type Message } from "./envelope.ts";
import { findString } from "./json-spans.ts";
import { listedTools } from "./listed-tools.ts";
import type { Outcome } from "./metrics.ts";
import { passedAnswer, passedRequest } from "./modern-pass.ts";
import { type RequestOutcome, traced } from "./request-watch.ts";
import { calledTool, isToolError } from "./rewrite.ts";
import type { LinkCall, ServerLink } from "./server-link.ts";
import type { SessionlessRequest } from "./sessionless-checks.ts";
import { isLoggedAt, withProgressToken } from "./sessionless-messages.ts";
import type { SessionlessReply } from "./sessionless-reply.ts";

/** One request of 2026-07-28 to a server that speaks it: there and back, with what comes in between. */
export class ModernExchange implements LinkCall {
  readonly #request: SessionlessRequest;
  readonly #reply: SessionlessReply;
  readonly #link: ServerLink;
  readonly #exclusive: boolean;
  readonly #context: CallContext;
  readonly #id: number;
  readonly #startedAt = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #over = false;

  constructor(
    request: SessionlessRequest,
    reply: SessionlessReply,
    server: { readonly link: ServerLink; readonly exclusive: boolean },
    context: CallContext,
  ) {
    this.#request = request;
    this.#reply = reply;
    this.#link = server.link;
    this.#exclusive = server.exclusive;
    this.#context = context;
    this.#id = server.link.newId();
    reply.onRead(() => server.link.backlog.changed(reply));
  }

  start(): void {
    const { options, policy } = this.#context;
    const { message, trace } = this.#request;
    this.#timer = setTimeout(() => this.#timeOut(), options.requestTimeout);
    const bytes = passedRequest(message, this.#id, policy);
    this.#link.start(this.#id, traced(bytes, this.#reply.watched, trace), this);
  }

  /** The client left; on stdio that must be said (2026-07-28, cancellation). */
  left(): void {
    if (this.#over) return;
    this.#link.cancel(this.#id, "the client closed the request");
    this.#end("cancelled", false);
  }

  answered(message: Message): void {
    const { method } = this.#request;
    const listed = method === "tools/list" ? listedTools(message, this.#context) : message;
    const { status, body, ok } = passedAnswer(listed, this.#reply.id, method, this.#context.policy);
    const outcome = ok ? outcomeOf(method, message) : "error";
    this.#end(outcome === "input_required" ? "ok" : outcome, true);
    this.#reply.end(body, status, outcome);
    this.#link.backlog.changed(this.#reply);
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
    // A log does not say whose it is; who wants logs has a server to itself.
    if (wanted === undefined || !this.#exclusive) return;
    if (isLoggedAt(wanted, message)) this.#event(message.bytes);
  }

  #event(bytes: Buffer): void {
    this.#reply.event(bytes);
    this.#link.backlog.changed(this.#reply);
  }

  #timeOut(): void {
    const reason = `no answer within ${this.#context.options.requestTimeout} ms`;
    this.#context.metrics.fail("timeout");
    this.#link.cancel(this.#id, reason);
    this.#fail(ErrorCode.timeout, `${this.#request.method}: ${reason}; the request was cancelled`, "timeout");
  }

  #fail(code: number, message: string, outcome: Outcome): void {
    if (this.#over) return;
    this.#reply.refuse({ status: 200, code, message, cause: "timeout" }, outcome);
    this.#end(outcome, false);
  }

  /** @param clean the server has nothing left to do for it. */
  #end(outcome: Outcome, clean: boolean): void {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { metrics, onDetached, release } = this.#context;
    onDetached(this.#reply);
    const { method, message } = this.#request;
    const tool = method === "tools/call" ? calledTool(message) : undefined;
    metrics.request({ method, tool, outcome, seconds: (performance.now() - this.#startedAt) / 1_000 });
    if (this.#exclusive) release(this.#link, clean);
  }
}

function outcomeOf(method: string, message: Message): RequestOutcome {
  const { bytes, result } = message;
  if (findString(bytes, result?.start ?? bytes.length, ["resultType"]) === "input_required") return "input_required";
  return method === "tools/call" && isToolError(message) ? "tool_error" : "ok";
}
