import { ErrorCode, errorMessage, idKey, type Message, readMessage } from "./envelope.ts";
import { findPath, findString } from "./json-spans.ts";
import type { Log } from "./log.ts";
import { ModernCall } from "./modern-call.ts";
import { type ClientFacts, requestMeta, subscriptionOf, withoutSubscription } from "./modern-messages.ts";
import { ModernWatch } from "./modern-watch.ts";
import { rawParam } from "./rewrite.ts";
import { answer, notification } from "./sessionless-messages.ts";
import { MCP_LOG_LEVELS } from "./sessionless-meta.ts";

/** What a session of 2025-11-25 can ask for and 2026-07-28 has no counterpart of; and what only the latter knows. */
const UNKNOWN = /^(?:tasks\/.+|server\/discover|subscriptions\/listen)$/;
const EMPTY = Buffer.from("{}");
/**
 * A server of a session era sends what it likes until it is told a level. One of 2026-07-28 sends nothing unasked,
 * so it is asked for this.
 */
const FIRST_LOG_LEVEL = "info";

export interface ModernSessionContext {
  /** The revision that is spoken with the server. */
  readonly version: string;
  readonly client: ClientFacts;
  /** The server's answer to `server/discover`. */
  readonly discovered: Message;
  readonly toServer: (bytes: Buffer) => void;
  readonly toClient: (bytes: Buffer) => void;
  readonly log: Log;
}

/** One session of a client of 2024-11-05 to 2025-11-25, translated for a server that only knows 2026-07-28. */
export class ModernSession {
  readonly #context: ModernSessionContext;
  readonly #watch: ModernWatch;
  /** By the id that the server knows, a number of this session's own. */
  readonly #calls = new Map<string, ModernCall>();
  /** The same calls by the id that the client gave. */
  readonly #byClient = new Map<string, ModernCall>();
  /** What the client has been asked and has not answered. */
  readonly #asks = new Map<string, { readonly call: ModernCall; readonly key: string }>();
  #logLevel: string | undefined;
  #nextId = 1;
  #nextAsk = 1;

  constructor(context: ModernSessionContext) {
    this.#context = context;
    if (this.offers(["logging"])) this.#logLevel = FIRST_LOG_LEVEL;
    this.#watch = new ModernWatch({
      newId: () => this.#nextId++,
      meta: () => requestMeta(context.client, context.version),
      toServer: context.toServer,
      toClient: context.toClient,
    });
  }

  offers(path: readonly string[]): boolean {
    const { bytes, result } = this.#context.discovered;
    return findPath(bytes, result?.start ?? 0, ["capabilities", ...path]) !== undefined;
  }

  fromClient(bytes: Buffer): void {
    const message = readMessage(bytes);
    if (!message.ok) return;
    if (message.value.kind === "request") this.#requested(message.value);
    else if (message.value.kind === "response") this.#replied(message.value);
    else this.#notified(message.value);
  }

  fromServer(bytes: Buffer): void {
    const read = readMessage(bytes);
    // Junk is counted and logged where it always is.
    if (!read.ok) {
      this.#context.toClient(bytes);
      return;
    }
    const message = read.value;
    if (message.kind === "notification") this.#announced(message);
    else if (message.kind === "response") this.#answered(message);
    // Servers have no requests any more (2026-07-28, stdio: receiving messages), and nobody could answer them.
    else this.#context.log("warn", "child_junk", { fault: `a request of the server: ${message.method}` });
  }

  /** Nothing follows. */
  end(): void {
    // First, so that nothing is withdrawn from a client that is gone.
    this.#asks.clear();
    for (const call of this.#byClient.values()) call.stop();
    this.#byClient.clear();
    this.#calls.clear();
  }

  #requested(message: Message): void {
    const { id = "", method = "" } = message;
    const { toClient } = this.#context;
    if (method === "ping") toClient(answer(id, EMPTY));
    else if (method === "logging/setLevel") this.#setLevel(message);
    else if (UNKNOWN.test(method)) toClient(errorMessage(id, ErrorCode.methodNotFound, `Method not found: ${method}`));
    else if (method === "resources/subscribe" || method === "resources/unsubscribe") {
      if (!this.offers(["resources", "subscribe"])) {
        toClient(errorMessage(id, ErrorCode.methodNotFound, "the server offers no subscriptions to resources"));
      } else if (method === "resources/subscribe") this.#watch.subscribe(message);
      else this.#watch.unsubscribe(message);
    } else this.#call(message);
  }

  #call(message: Message): void {
    const { client, version, toServer, toClient } = this.#context;
    const call = new ModernCall(message, {
      client,
      meta: requestMeta(client, version, this.#logLevel),
      send: (build) => {
        const id = this.#nextId++;
        this.#calls.set(String(id), call);
        toServer(build(id));
        return id;
      },
      ask: (key, method, params) => {
        const id = JSON.stringify(`mcp-bridge:ask-${this.#nextAsk++}`);
        this.#asks.set(id, { call, key });
        toClient(Buffer.from(`{"jsonrpc":"2.0","id":${id},"method":"${method}"${params && `,"params":${params}`}}`));
        return id;
      },
      withdraw: (id) => {
        if (!this.#asks.delete(id)) return;
        toClient(notification("notifications/cancelled", `{"requestId":${id},"reason":"the call is over"}`));
      },
      finish: (bytes) => {
        this.#byClient.delete(idKey(message.id ?? ""));
        toClient(bytes);
      },
    });
    this.#byClient.set(idKey(message.id ?? ""), call);
    call.start();
  }

  #setLevel(message: Message): void {
    const { id = "" } = message;
    const { toClient } = this.#context;
    const level = message.params && findString(message.bytes, message.params.start, ["level"]);
    if (!this.offers(["logging"])) {
      toClient(errorMessage(id, ErrorCode.methodNotFound, "the server offers no logging"));
    } else if (level === undefined || !MCP_LOG_LEVELS.includes(level)) {
      toClient(errorMessage(id, ErrorCode.invalidParams, `"level" must be one of ${MCP_LOG_LEVELS.join(", ")}`));
    } else {
      this.#logLevel = level;
      toClient(answer(id, EMPTY));
    }
  }

  #replied(message: Message): void {
    const id = idKey(message.id ?? "");
    const ask = this.#asks.get(id);
    if (ask === undefined) return;
    this.#asks.delete(id);
    ask.call.replied(ask.key, message);
  }

  /** 2026-07-28 leaves clients one notification: to cancel. */
  #notified(message: Message): void {
    if (message.method === "notifications/initialized") {
      this.#watch.lists((list) => this.offers([list, "listChanged"]));
      return;
    }
    if (message.method !== "notifications/cancelled") return;
    const id = idKey(rawParam(message, "requestId") ?? "");
    const call = this.#byClient.get(id);
    if (call === undefined) return;
    this.#byClient.delete(id);
    const known = call.stop();
    if (known === undefined) return;
    this.#calls.delete(String(known));
    const reason = rawParam(message, "reason");
    const params = reason === undefined ? `{"requestId":${known}}` : `{"requestId":${known},"reason":${reason}}`;
    this.#context.toServer(notification("notifications/cancelled", params));
  }

  #answered(message: Message): void {
    const { id = "" } = message;
    const call = this.#calls.get(id);
    if (call === undefined) {
      this.#watch.answered(message);
      return;
    }
    this.#calls.delete(id);
    call.answered(message);
  }

  #announced(message: Message): void {
    const { toClient } = this.#context;
    if (message.method === "notifications/subscriptions/acknowledged") this.#watch.acknowledged(message);
    // A server may only cancel a subscription (2026-07-28, cancellation).
    else if (message.method === "notifications/cancelled") this.#watch.ended(rawParam(message, "requestId") ?? "");
    else if (subscriptionOf(message) !== undefined) toClient(withoutSubscription(message));
    else toClient(message.bytes);
  }
}
