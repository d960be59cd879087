import { Backlog } from "./backlog.ts";
import { type Capabilities, needOf } from "./client-capabilities.ts";
import { ErrorCode, errorMessage, idKey, type Message } from "./envelope.ts";
import { findPath } from "./json-spans.ts";
import { type Introduction, introduce, NO_INFO } from "./link-handshake.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { subscriptionOf } from "./modern-messages.ts";
import type { Policy } from "./policy.ts";
import { type Port, Unavailable } from "./port.ts";
import { rawParam } from "./rewrite.ts";
import type { ServerEra } from "./server-era.ts";
import { serverMessages } from "./server-output.ts";
import { notification } from "./sessionless-messages.ts";

/** Whoever waits for the answer to a request. */
export interface LinkCall {
  answered(message: Message): void;
  /** The server is gone. */
  lost(reason: string): void;
  progressed?(message: Message): void;
  logged?(message: Message): void;
  /** The server asks for something that may be this call's, see `ServerLink.asks`. */
  asked?(): void;
  /** The server asks for what its client cannot do. */
  lacks?(required: Capabilities): void;
  /** A server of 2026-07-28 announces something on the subscription that this call is. */
  heard?(message: Message): void;
  /** It announces nothing more. */
  ended?(): void;
}

export interface LinkContext {
  readonly policy: Policy;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Longest wait for the answer to the bridge's own requests, in milliseconds. */
  readonly requestTimeout: number;
  /** Requests of the server that may wait for an answer. */
  readonly maxAsks: number;
  /** Bytes that may wait in either direction. */
  readonly maxQueueBytes: number;
  readonly clientInfo: { readonly name: string; readonly version: string };
  readonly era: ServerEra;
  /** Notifications that belong to no request. */
  readonly onNews: (message: Message) => void;
  readonly onLost: (link: ServerLink) => void;
}

/**
 * One server process that has introduced itself, and the requests that it works on, whoever made them: ids are
 * numbers of the link's own, so callers never meet. Knows nothing of HTTP.
 */
export class ServerLink {
  readonly capabilities: Capabilities;
  /** Requests of the server that wait for its client, by id. */
  readonly asks = new Map<string, Message>();
  /** Who keeps it beside its calls, such as subscriptions. */
  readonly pins = new Set<object>();
  readonly backlog: Backlog;
  idleSince = Date.now();
  /** It knows something of one client that no other may meet. */
  personal = false;
  readonly #port: Port;
  readonly #context: LinkContext;
  readonly #calls = new Map<number, LinkCall>();
  /** Calls of clients, which alone can be what the server asks or logs for. */
  readonly #clients = new Set<number>();
  #nextId = 1;
  #gone: string | undefined;
  #introduction: Introduction | undefined;

  private constructor(port: Port, capabilities: Capabilities, context: LinkContext) {
    this.#port = port;
    this.capabilities = capabilities;
    this.#context = context;
    this.backlog = new Backlog(context.maxQueueBytes, port);
    port.listen({
      message: (bytes) => this.#receive(bytes),
      closed: ({ reason }) => this.#lost(reason),
      stalled: () => this.backlog.dropLargest(),
    });
  }

  /** Initialises a server that has just been started. */
  static async open(port: Port, capabilities: Capabilities, context: LinkContext): Promise<ServerLink> {
    const link = new ServerLink(port, capabilities, context);
    const { clientInfo, era } = context;
    const ask = link.ask.bind(link);
    try {
      link.#introduction = await introduce({ ask, capabilities, clientInfo, era });
      if (!link.modern) port.send(Buffer.from('{"jsonrpc":"2.0","method":"notifications/initialized"}'));
      return link;
    } catch (error) {
      link.close();
      throw error;
    }
  }

  /** The server's answer to `initialize`, or to `server/discover`. */
  get initialized(): Message | undefined {
    return this.#introduction?.answer;
  }

  /** It speaks 2026-07-28 itself. */
  get modern(): boolean {
    return this.#introduction?.modern === true;
  }

  /** `serverInfo` as the server wrote it. */
  get serverInfo(): string {
    return this.#introduction?.serverInfo ?? NO_INFO;
  }

  get gone(): boolean {
    return this.#gone !== undefined;
  }

  /** Requests of clients in flight. */
  get inFlight(): number {
    return this.#clients.size;
  }

  /** The server does not take its input. */
  get stuck(): boolean {
    return this.#port.queuedBytes > this.#context.maxQueueBytes;
  }

  /** Bytes that wait, in either direction. */
  get queuedBytes(): number {
    return this.#port.queuedBytes + this.backlog.queuedBytes;
  }

  offers(path: readonly string[]): boolean {
    const { bytes, result } = this.initialized ?? {};
    return bytes !== undefined && findPath(bytes, result?.start ?? 0, ["capabilities", ...path]) !== undefined;
  }

  /** A number for `start`. */
  newId(): number {
    return this.#nextId++;
  }

  /** Sends a client's request, made with the id. */
  start(id: number, bytes: Buffer, call: LinkCall): void {
    if (this.#gone !== undefined) {
      call.lost(this.#gone);
      return;
    }
    this.#calls.set(id, call);
    this.#clients.add(id);
    this.#port.send(bytes);
  }

  /** Nobody waits for the answer any more: the server may stop. */
  cancel(id: number, reason: string): void {
    if (!this.#forget(id)) return;
    this.#port.send(notification("notifications/cancelled", JSON.stringify({ requestId: id, reason })));
  }

  /** A request of the bridge itself. @param params JSON text. */
  ask(method: string, params: string, timeoutMs = this.#context.requestTimeout): Promise<Message> {
    return new Promise((resolve, reject) => {
      const id = this.newId();
      const timer = setTimeout(() => {
        this.#forget(id);
        this.#context.metrics.fail("timeout");
        reject(new Unavailable(`the server did not answer ${method} in time`, 1_000));
      }, timeoutMs);
      const done = (): void => clearTimeout(timer);
      const call: LinkCall = {
        answered: (message) => {
          done();
          resolve(message);
        },
        lost: (reason) => {
          done();
          reject(new Unavailable(`the server process ${reason}`, 1_000));
        },
      };
      if (this.#gone !== undefined) return call.lost(this.#gone);
      this.#calls.set(id, call);
      this.#port.send(Buffer.from(`{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${params}}`));
    });
  }

  /** Whether the server still waits for the answer to this request of its own. */
  waitsFor(ask: Message): boolean {
    return this.asks.get(idKey(ask.id ?? "")) === ask;
  }

  /** Answers a request of the server. @param result JSON text. */
  reply(ask: Message, result: string): void {
    this.asks.delete(idKey(ask.id ?? ""));
    if (ask.method === "roots/list") this.personal = true;
    this.#port.send(Buffer.from(`{"jsonrpc":"2.0","id":${ask.id},"result":${result}}`));
  }

  close(): void {
    this.#port.resume();
    void this.#port.close();
  }

  #receive(bytes: Buffer): void {
    for (const message of serverMessages(bytes, this.#context)) {
      if (message.kind === "response") this.#answered(message);
      else if (message.kind === "request") this.#asked(message);
      else this.#announced(message);
    }
  }

  #answered(message: Message): void {
    const id = Number(message.id);
    const call = this.#calls.get(id);
    this.#forget(id);
    if (call !== undefined) call.answered(message);
    else this.#context.metrics.fail("late_response");
  }

  #asked(message: Message): void {
    const { id = "", method = "" } = message;
    // It must not ask, and nobody could answer (2026-07-28, stdio: receiving messages).
    if (this.modern) {
      this.#context.metrics.fail("child_junk");
      return;
    }
    if (method === "ping") {
      this.#tell(Buffer.from(`{"jsonrpc":"2.0","id":${id},"result":{}}`));
      return;
    }
    const need = needOf(message, this.capabilities);
    if (need.kind !== "met" || this.asks.size >= this.#context.maxAsks) {
      this.#tell(errorMessage(id, ErrorCode.methodNotFound, `the client does not offer ${method}`));
      const hidden = this.#context.policy.refusesServerRequest(method);
      if (need.kind === "missing" && !hidden) this.#owner()?.lacks?.(need.required);
      return;
    }
    this.asks.set(idKey(id), message);
    this.#owner()?.asked?.();
  }

  /** One that asks on and reads nothing gets no more than it can hold. */
  #tell(bytes: Buffer): void {
    if (this.stuck) this.#context.metrics.fail("overload");
    else this.#port.send(bytes);
  }

  #announced(message: Message): void {
    const { method } = message;
    if (method === "notifications/progress") {
      this.#calls.get(Number(rawParam(message, "progressToken")))?.progressed?.(message);
    } else if (method === "notifications/message") this.#owner()?.logged?.(message);
    else if (method === "notifications/cancelled") {
      const id = rawParam(message, "requestId") ?? "";
      this.asks.delete(idKey(id));
      this.#calls.get(Number(id))?.ended?.();
    } else if (this.modern) this.#calls.get(Number(subscriptionOf(message)))?.heard?.(message);
    else this.#context.onNews(message);
  }

  /** Whose call an unlabelled message is about: only certain while there is just one. */
  #owner(): LinkCall | undefined {
    const [only] = this.#clients;
    return only !== undefined && this.#clients.size === 1 ? this.#calls.get(only) : undefined;
  }

  #forget(id: number): boolean {
    this.#clients.delete(id);
    this.idleSince = Date.now();
    return this.#calls.delete(id);
  }

  #lost(reason: string): void {
    this.#gone = reason;
    const calls = [...this.#calls.values()];
    this.#calls.clear();
    this.#clients.clear();
    for (const call of calls) call.lost(reason);
    this.#context.onLost(this);
  }
}
