import type { IncomingHttpHeaders } from "node:http";
import type { CallContext } from "./call-context.ts";
import { capabilitiesForServer } from "./client-capabilities.ts";
import { ErrorCode, type Message } from "./envelope.ts";
import { type Exchange, header, sendAccepted, sendRefusal } from "./http.ts";
import { findMember } from "./json-spans.ts";
import { LinkPool } from "./link-pool.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { ModernExchange } from "./modern-exchange.ts";
import { ModernListens } from "./modern-listen.ts";
import type { Options } from "./options.ts";
import { ParamHeaders } from "./param-headers.ts";
import { ParkedCalls } from "./parked-calls.ts";
import type { Policy } from "./policy.ts";
import { type Port, Unavailable } from "./port.ts";
import { badRequest, overload, type Refusal, startRefusal } from "./refusal.ts";
import { paramsDigest, RequestStates } from "./request-state.ts";
import type { RequestWatch } from "./request-watch.ts";
import { readRetry } from "./retry.ts";
import { calledTool } from "./rewrite.ts";
import type { ServerEra } from "./server-era.ts";
import { SessionlessCall } from "./sessionless-call.ts";
import { type Checked, checkSessionless, type SessionlessRequest } from "./sessionless-checks.ts";
import { discoverResult, rawObjects } from "./sessionless-messages.ts";
import { NAME_PARAM } from "./sessionless-meta.ts";
import { SessionlessReply } from "./sessionless-reply.ts";
import { readFilter, Subscriptions } from "./subscriptions.ts";

/** Calls of one kind of client that may wait for input; each of them holds a server. */
const MAX_PARKED = 4;

export interface SessionlessContext {
  readonly options: Options;
  readonly policy: Policy;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Undefined while nobody looks. */
  readonly watch: RequestWatch | undefined;
  readonly version: string;
  readonly acquire: (principal: string | undefined) => Promise<Port>;
  readonly era: ServerEra;
  /** Signs what clients bring back; without it each process has its own. */
  readonly stateKey: Buffer | undefined;
  /** Sessions open now, which share the cap on servers. */
  readonly sessions: () => number;
}

/** 2026-07-28 on `/mcp`: every request for itself, in front of servers of any era. */
export class Sessionless {
  readonly #context: SessionlessContext;
  readonly #calls: CallContext;
  readonly #live = new Map<SessionlessReply, SessionlessCall | ModernExchange>();
  readonly #subscriptions: Subscriptions;
  readonly #listens: ModernListens;
  readonly #pool: LinkPool;
  #waiting = 0;

  constructor(context: SessionlessContext) {
    const { options, policy, metrics, log, version, era } = context;
    this.#context = context;
    this.#subscriptions = new Subscriptions(options.maxQueueBytes);
    this.#listens = new ModernListens({ ...options, policy });
    this.#pool = new LinkPool({
      acquire: context.acquire,
      idleTimeout: options.idleTimeout,
      room: () => options.maxSessions - context.sessions(),
      tooMany: () => new Unavailable(`over ${options.maxSessions} servers (--max-sessions); try again later`, 5_000),
      onNews: (principal, message) => this.#subscriptions.announce(principal, message),
      onLost: (link) => this.#subscriptions.lost(link),
      context: {
        policy,
        metrics,
        log,
        requestTimeout: options.requestTimeout,
        maxAsks: options.maxInFlight,
        maxQueueBytes: options.maxQueueBytes,
        clientInfo: { name: "mcp-bridge", version },
        era,
      },
    });
    this.#calls = {
      options,
      policy,
      metrics,
      states: new RequestStates(context.stateKey),
      parked: new ParkedCalls(MAX_PARKED, options.idleTimeout),
      paramHeaders: new ParamHeaders(),
      onDetached: (reply) => this.#live.delete(reply),
      release: (link, clean) => this.#pool.release(link, clean),
    };
  }

  /** Requests that wait for an answer; streams of subscriptions do not count. */
  get inFlight(): number {
    return this.#live.size + this.#waiting;
  }

  get queuedBytes(): number {
    return this.#pool.queuedBytes;
  }

  /** Servers open or being opened. */
  get servers(): number {
    return this.#pool.size;
  }

  /** Ends one server that nobody uses just now; false if all are in use. */
  endOneIdle(): boolean {
    return this.#pool.endOneIdle();
  }

  async handle(exchange: Exchange, message: Message): Promise<void> {
    const { request, response, principal } = exchange;
    const { metrics, options } = this.#context;
    metrics.received(message.bytes.length);
    // To cancel is to close the stream; nothing else can be notified.
    if (message.kind === "notification") return sendAccepted(response);
    const checked = this.#check(request.headers, message);
    if (!checked.ok) {
      metrics.fail(checked.refusal.cause);
      return sendRefusal(response, checked.refusal, message.kind === "request" ? message.id : null);
    }
    const watched = this.#context.watch?.begin({
      message,
      tool: message.method === "tools/call" ? calledTool(message) : undefined,
      session: undefined,
      protocolVersion: header(request, "mcp-protocol-version"),
      trace: checked.request.trace,
    });
    const { keepAlive, requestTimeout: stall } = options;
    const reply = new SessionlessReply(response, checked.request.id, {
      keepAlive,
      stall,
      watched,
      onSent: (bytes) => metrics.sent(bytes),
      onGone: () => this.#left(reply),
    });
    this.#waiting++;
    try {
      await this.#serve(checked.request, reply, principal);
    } catch (error) {
      this.#refuse(reply, startRefusal(error));
    } finally {
      this.#waiting--;
      // Nobody was there from the start, so no event will say so.
      if (reply.done) watched?.end("cancelled");
    }
  }

  /** No new work: ends subscriptions and calls that wait for input. */
  drain(): void {
    this.#subscriptions.close();
    this.#listens.close();
    this.#calls.parked.clear("the bridge is shutting down");
  }

  close(): void {
    this.drain();
    this.#pool.close();
  }

  #check(headers: IncomingHttpHeaders, message: Message): Checked {
    const checked = checkSessionless(headers, message);
    if (!checked.ok || checked.request.method !== "tools/call") return checked;
    const refusal = this.#calls.paramHeaders.check(headers, message);
    return refusal === undefined ? checked : { ok: false, refusal };
  }

  async #serve(request: SessionlessRequest, reply: SessionlessReply, principal: string | undefined): Promise<void> {
    const { message, method } = request;
    if (method === "server/discover") return this.#discover(request, reply, principal);
    if (this.inFlight + this.#subscriptions.size + this.#listens.size > this.#context.options.maxInFlight) {
      const text = `over ${this.#context.options.maxInFlight} requests in flight; wait for answers`;
      return this.#refuse(reply, overload(429, text));
    }
    if (method === "subscriptions/listen") return this.#listen(request, reply, principal);
    const refused = this.#context.policy.refusedCall(message);
    if (refused !== undefined) {
      this.#context.metrics.request({ method, tool: undefined, outcome: "refused" });
      return reply.refuse({ ...badRequest(refused, ErrorCode.invalidParams), status: 200 });
    }
    const resumable = NAME_PARAM[method] !== undefined && !(await this.#isModern(message, principal));
    if (resumable && (await this.#resume(request, reply, principal))) return;
    await this.#call(request, reply, principal);
  }

  async #discover(request: SessionlessRequest, reply: SessionlessReply, principal: string | undefined): Promise<void> {
    const startedAt = performance.now();
    const link = this.#pool.initialized ?? (await this.#pool.shared(principal));
    if (link.modern) return this.#call(request, reply, principal);
    if (link.initialized !== undefined) reply.end(discoverResult(link.initialized, request.id, link.serverInfo));
    const seconds = (performance.now() - startedAt) / 1_000;
    this.#context.metrics.request({ method: request.method, tool: undefined, outcome: "ok", seconds });
  }

  async #listen(request: SessionlessRequest, reply: SessionlessReply, principal: string | undefined): Promise<void> {
    const filter = readFilter(request.message);
    if (typeof filter === "string") return this.#refuse(reply, badRequest(filter, ErrorCode.invalidParams));
    const link = await this.#pool.shared(principal);
    if (reply.done) return;
    this.#context.metrics.request({ method: request.method, tool: undefined, outcome: "ok" });
    if (link.modern) return this.#listens.open(request, reply, link);
    await this.#subscriptions.listen(request, filter, { reply, link, principal });
  }

  /** Whether `requestState` is the server's own. Before a server was asked that matters only if there is one. */
  async #isModern({ bytes, params }: Message, principal: string | undefined): Promise<boolean> {
    const { modern } = this.#context.era;
    if (modern !== undefined || params === undefined) return modern === true;
    if (findMember(bytes, params.start, "requestState") === undefined) return false;
    return (await this.#pool.shared(principal)).modern;
  }

  /** Goes on with a call that waits for what this request brings; false if it starts anew. */
  async #resume(request: SessionlessRequest, reply: SessionlessReply, principal: string | undefined): Promise<boolean> {
    const retry = readRetry(request, principal, this.#calls.states);
    if (retry === undefined) return false;
    if (!retry.ok) {
      this.#refuse(reply, retry.refusal);
      return true;
    }
    if (reply.done) return true;
    const call = this.#calls.parked.take(retry.call);
    // Evicted, its server died, or another process holds it: it starts anew, and its client is asked again.
    if (call === undefined) return false;
    this.#live.set(reply, call);
    call.resume(request, reply, rawObjects(request.message.bytes, retry.inputs));
    return true;
  }

  async #call(request: SessionlessRequest, reply: SessionlessReply, principal: string | undefined): Promise<void> {
    const { policy, era, options } = this.#context;
    // A server of 2026-07-28 is told with every request, and asks nothing by itself.
    const declared = era.modern === true ? {} : request.capabilities;
    const capabilities = capabilitiesForServer(declared, (name) => policy.hides(name));
    // What the server logs or asks for carries no call id: only alone is it certain whose it is.
    // Where all share one server it never asks, and nothing it logs belongs to one call.
    const alone = Object.keys(capabilities).length > 0 || request.logLevel !== undefined;
    const exclusive = alone && options.childMode !== "shared";
    const link = await (exclusive ? this.#pool.exclusive(principal, capabilities) : this.#pool.shared(principal));
    if (reply.done) {
      if (exclusive) this.#pool.release(link, true);
      return;
    }
    if (link.stuck) {
      if (exclusive) this.#pool.release(link, false);
      return this.#refuse(reply, overload(503, "the server does not take its input; try again later"));
    }
    if (link.modern) {
      const exchange = new ModernExchange(request, reply, { link, exclusive }, this.#calls);
      this.#live.set(reply, exchange);
      return exchange.start();
    }
    const identity = {
      principal,
      parkingKey: JSON.stringify([principal ?? null, capabilities]),
      params: () => paramsDigest(request.message),
    };
    const call = new SessionlessCall(request, reply, { link, exclusive }, identity, this.#calls);
    this.#live.set(reply, call);
    if (exclusive && request.logLevel !== undefined && link.offers(["logging"])) {
      const level = JSON.stringify({ level: request.logLevel });
      await link.ask("logging/setLevel", level).catch(() => undefined);
    }
    if (!reply.done) call.start();
  }

  #left(reply: SessionlessReply): void {
    const call = this.#live.get(reply);
    this.#live.delete(reply);
    if (call !== undefined) {
      call.left();
      return;
    }
    this.#subscriptions.left(reply);
    this.#listens.left(reply);
  }

  #refuse(reply: SessionlessReply, refusal: Refusal): void {
    this.#context.metrics.fail(refusal.cause);
    reply.refuse(refusal);
  }
}
