import { DeadlineTimer } from "./deadline-timer.ts";
import { ErrorCode, errorMessage, idKey, type Message } from "./envelope.ts";
import { findString } from "./json-spans.ts";
import { discardLine, oneLine } from "./lines.ts";
import type { Outcome } from "./metrics.ts";
import type { Delivery, Outlet } from "./outlet.ts";
import { type Pending, PendingRequests } from "./pending.ts";
import type { Closure, Port } from "./port.ts";
import type { Refusal } from "./refusal.ts";
import { traced } from "./request-watch.ts";
import { calledTool, isToolError, rawParam, requestedProgress, toolNames } from "./rewrite.ts";
import { outletFor, progressOwner } from "./routing.ts";
import { serverMessages } from "./server-output.ts";
import type { SessionContext, TransportName } from "./session-context.ts";
import { refusalFor } from "./session-limits.ts";
import { Streams } from "./streams.ts";
import type { TraceCarrier } from "./trace-context.ts";

/**
 * The relay between one client and one server: remembers which request waits where, and puts every message
 * of the server on exactly one stream. Knows nothing of HTTP.
 */
export class Session {
  readonly id: string;
  /** Names the session in logs. */
  readonly tag: string;
  /** Digest of the token that opened it; only that token may use it. */
  readonly principal: string | undefined;
  readonly transport: TransportName;
  readonly streams: Streams;
  /** Agreed in `initialize`; undefined until then. */
  protocolVersion: string | undefined;
  #lastActive = Date.now();
  readonly #port: Port;
  readonly #context: SessionContext;
  readonly #pending = new PendingRequests();
  readonly #deadlines = new DeadlineTimer((now) => this.#expire(now));
  /** Ids of the server's requests that the client has not answered. */
  readonly #asked = new Set<string>();
  #initialized = false;
  #ended = false;

  constructor(
    identity: { id: string; tag: string; principal: string | undefined; transport: TransportName },
    port: Port,
    context: SessionContext,
  ) {
    this.id = identity.id;
    this.tag = identity.tag;
    this.principal = identity.principal;
    this.transport = identity.transport;
    this.#port = port;
    this.#context = context;
    const { eventStoreBytes, maxQueueBytes } = context.options;
    this.streams = new Streams(identity.tag, {
      resumable: identity.transport === "http",
      eventStoreBytes,
      maxQueueBytes,
      onCongestion: (congested) => (congested ? port.pause() : port.resume()),
    });
    port.listen({ message: (bytes) => this.#receive(bytes), closed: (closure) => this.#lost(closure) });
  }

  get inFlight(): number {
    return this.#pending.size;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Bytes waiting in either direction. */
  get queuedBytes(): number {
    return this.streams.queuedBytes + this.#port.queuedBytes;
  }

  /** Milliseconds without any sign of a client; 0 while one is connected or waits. */
  idleFor(now: number): number {
    return this.#pending.size > 0 || this.streams.attached ? 0 : now - this.#lastActive;
  }

  /** A client did something. */
  touch(): void {
    this.#lastActive = Date.now();
  }

  /** Whether `messages` can be taken now; nothing has been sent yet if not. */
  check(messages: readonly Message[]): Refusal | undefined {
    const { options } = this.#context;
    return refusalFor(messages, this.#pending, this.#port.queuedBytes, this.#initialized, options);
  }

  /** Passes on what `check` has let through; answers to requests go to `outlet`. @param trace of the HTTP request. */
  send(messages: readonly Message[], outlet: Outlet, trace?: TraceCarrier): void {
    this.touch();
    for (const message of messages) {
      this.#context.metrics.received(message.bytes.length);
      if (message.kind === "request") this.#request(message, outlet, trace);
      else if (message.kind === "response") this.#answer(message);
      else this.#notify(message);
    }
  }

  /** Ends the session and its server; requests in flight get an error that gives `reason`. */
  end(reason: string, outcome: Outcome = "session_end"): Promise<void> {
    if (!this.#ended) {
      this.#ended = true;
      this.#deadlines.stop();
      const { log, onEnd } = this.#context;
      for (const pending of this.#pending.all()) this.#fail(pending, ErrorCode.server, reason, outcome);
      this.streams.end();
      log("info", "session_end", { session: this.tag, reason });
      onEnd(this);
    }
    return this.#port.close();
  }

  #request(message: Message, outlet: Outlet, trace: TraceCarrier | undefined): void {
    const { policy, metrics, options, watch } = this.#context;
    const { id = "", method = "" } = message;
    const tool = method === "tools/call" ? calledTool(message) : undefined;
    const watched = watch?.begin({ message, tool, session: this.tag, protocolVersion: this.protocolVersion, trace });
    const refused = policy.refusedCall(message);
    if (refused !== undefined) {
      metrics.request({ method, tool, outcome: "refused" });
      const answer = errorMessage(id, ErrorCode.invalidParams, refused);
      watched?.end("refused", answer);
      this.#deliver(outlet, answer, "error");
      return;
    }
    const token = requestedProgress(message);
    const now = performance.now();
    const pending: Pending = {
      id,
      method,
      tool,
      outlet,
      startedAt: now,
      // A token already in use cannot be told apart: its progress goes to the request that had it first.
      token: token !== undefined && !this.#pending.hasToken(token) ? token : undefined,
      deadline: now + options.requestTimeout,
      watched,
    };
    this.#deadlines.by(pending.deadline);
    this.#pending.add(pending);
    if (method === "initialize") this.#initialized = true;
    const { bytes } = method === "initialize" ? policy.initialize(message) : message;
    this.#forward(traced(bytes, watched, trace));
  }

  #answer(message: Message): void {
    const key = idKey(message.id ?? "");
    if (this.#asked.delete(key)) this.#forward(message.bytes);
    else this.#context.log("debug", "answer_unasked", { session: this.tag });
  }

  #notify(message: Message): void {
    if (this.#context.policy.dropsNotification(message.method ?? "")) return;
    this.#forward(message.bytes);
    if (message.method !== "notifications/cancelled") return;
    const id = rawParam(message, "requestId");
    const pending = id === undefined ? undefined : this.#pending.take(id);
    if (pending === undefined) return;
    this.#count(pending, "cancelled");
    // The server must not answer any more (MCP, cancellation), so nothing else would end the stream.
    pending.outlet.release();
  }

  /** The server reads lines: breaks between JSON tokens become spaces (inside strings they are escaped). */
  #forward(bytes: Buffer): void {
    this.#port.send(oneLine(bytes));
  }

  #receive(bytes: Buffer): void {
    for (const message of serverMessages(bytes, this.#context, this.tag)) {
      if (message.kind === "response") this.#respond(message);
      else if (message.kind === "request") this.#ask(message);
      else this.#announce(message);
    }
  }

  #respond(message: Message): void {
    const { metrics, log } = this.#context;
    const pending = this.#pending.take(message.id ?? "");
    if (pending === undefined) {
      metrics.fail("late_response");
      log("debug", "late_response", { session: this.tag });
      discardLine(message.bytes);
      return;
    }
    const delivery = message.error === undefined ? "result" : "error";
    if (pending.method === "initialize" && delivery === "error") this.#initialized = false;
    let { bytes } = message;
    if (message.result !== undefined) {
      if (pending.method === "initialize") {
        this.protocolVersion = findString(message.bytes, message.result.start, ["protocolVersion"]);
      } else if (pending.method === "tools/list") {
        metrics.learnTools(toolNames(message.bytes, message.result));
        bytes = this.#context.policy.listedTools(message);
      }
    }
    this.#count(
      pending,
      delivery === "error" ? "error" : pending.method === "tools/call" && isToolError(message) ? "tool_error" : "ok",
      bytes,
    );
    this.#deliver(pending.outlet, bytes, delivery);
    this.touch();
  }

  #ask(message: Message): void {
    const { id = "", method = "" } = message;
    if (this.#context.policy.refusesServerRequest(method)) {
      this.#tell(errorMessage(id, ErrorCode.methodNotFound, `the client does not offer ${method}`));
      return;
    }
    if (this.#asked.size >= this.#context.options.maxInFlight) {
      this.#tell(errorMessage(id, ErrorCode.server, "too many requests wait for the client"));
      return;
    }
    this.#asked.add(idKey(id));
    this.#deliver(outletFor(message, this.#pending, this.streams.standalone), message.bytes, "event");
  }

  /** Answers the server in its client's place. One that asks on and reads nothing gets no more than it can hold. */
  #tell(bytes: Buffer): void {
    if (this.#port.queuedBytes > this.#context.options.maxQueueBytes) this.#context.metrics.fail("overload");
    else this.#port.send(bytes);
  }

  #announce(message: Message): void {
    const { method } = message;
    if (method === "notifications/progress") {
      const owner = progressOwner(message, this.#pending);
      if (owner !== undefined) owner.deadline = performance.now() + this.#context.options.requestTimeout;
    } else if (method === "notifications/cancelled") this.#asked.delete(idKey(rawParam(message, "requestId") ?? ""));
    this.#deliver(outletFor(message, this.#pending, this.streams.standalone), message.bytes, "event");
  }

  #deliver(outlet: Outlet, bytes: Buffer, delivery: Delivery): void {
    this.#context.metrics.sent(bytes.length);
    outlet.deliver(bytes, delivery);
  }

  /** Ends what has waited too long; returns when to look again. */
  #expire(now: number): number {
    for (const pending of this.#pending.all()) if (pending.deadline <= now) this.#timeOut(pending);
    return this.#pending.all().reduce((next, { deadline }) => Math.min(next, deadline), Number.POSITIVE_INFINITY);
  }

  #timeOut(pending: Pending): void {
    const { idleTimeout, requestTimeout } = this.#context.options;
    // The server waits for the client itself, perhaps for a human: that is not the server's delay.
    if (this.#asked.size > 0 && Date.now() - this.#lastActive < idleTimeout) {
      pending.deadline = performance.now() + requestTimeout;
      return;
    }
    this.#pending.take(pending.id);
    const reason = `no answer within ${requestTimeout} ms`;
    this.#context.metrics.fail("timeout");
    this.#fail(pending, ErrorCode.timeout, `${pending.method}: ${reason}; the request was cancelled`, "timeout");
    if (pending.method === "initialize") return;
    const params = `{"requestId":${pending.id},"reason":${JSON.stringify(reason)}}`;
    this.#port.send(Buffer.from(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":${params}}`));
  }

  #lost(closure: Closure): void {
    void this.end(`the server process ${closure.reason}`, closure.expected ? "session_end" : "child_exit");
  }

  #fail(pending: Pending, code: number, message: string, outcome: Outcome): void {
    this.#pending.take(pending.id);
    const answer = errorMessage(pending.id, code, message);
    this.#count(pending, outcome, answer);
    this.#deliver(pending.outlet, answer, "error");
  }

  #count(pending: Pending, outcome: Outcome, answer?: Buffer): void {
    pending.watched?.end(outcome, answer);
    const seconds = (performance.now() - pending.startedAt) / 1_000;
    this.#context.metrics.request({ method: pending.method, tool: pending.tool, outcome, seconds });
  }
}
