import { randomInt } from "node:crypto";
import { ErrorCode, errorMessage, idKey, type Message, readMessage } from "./envelope.ts";
import { FairInput } from "./fair-input.ts";
import { HeldOutput, MAX_STALL_MS } from "./held-output.ts";
import { findPath, findString, isObject } from "./json-spans.ts";
import { discardLine } from "./lines.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { type Closure, type Port, Unavailable } from "./port.ts";
import { rawParam } from "./rewrite.ts";
import { serverMessages } from "./server-output.ts";
import type { HealthTarget } from "./server-source.ts";
import { sharedHello } from "./shared-messages.ts";
import { SharedNews } from "./shared-news.ts";
import { SharedPort } from "./shared-port.ts";
import { LATEST_SESSION_VERSION } from "./versions.ts";

/** Ids stay exact in servers whose numbers are doubles, and cannot be guessed; `randomInt` goes no further. */
const MAX_ID = 2 ** 48 - 1;

/** Whoever waits for the answer to a request. */
interface Waiting {
  answered(message: Message): void;
  progressed?(message: Message): void;
  /** The server is gone. Sessions' requests are ended by their sessions. */
  lost?(closure: Closure): void;
}

export interface SharedServerContext {
  readonly metrics: Metrics;
  readonly log: Log;
  /** Longest wait for the answer to `initialize`, in milliseconds. */
  readonly requestTimeout: number;
  /** Bytes that may wait for clients that do not read. */
  readonly maxQueueBytes: number;
  readonly clientInfo: { readonly name: string; readonly version: string };
  /** The last session has left. */
  readonly onUnused: () => void;
  readonly onGone: (server: SharedServer) => void;
}

/**
 * One server for all sessions. The bridge initialises it once, without client capabilities: what it asks for then
 * could not be traced to a session. Requests get ids of the bridge's own, so that sessions never meet.
 */
export class SharedServer implements HealthTarget {
  readonly input: FairInput;
  readonly output: HeldOutput;
  readonly news = new SharedNews<SharedPort>();
  /** Resolves once it can be used; rejects with `Unavailable`. */
  readonly ready: Promise<void>;
  readonly #port: Port;
  readonly #context: SharedServerContext;
  readonly #waiting = new Map<string, Waiting>();
  #hello: Message | undefined;
  #closed: Closure | undefined;
  #offersLogging = false;
  /** When it was pinged without any sign of life since. */
  #silentSince: number | undefined;

  constructor(port: Port, context: SharedServerContext) {
    this.#port = port;
    this.#context = context;
    this.input = new FairInput(port);
    // What was to be relayed in time would time out if one client could hold it up for longer.
    this.output = new HeldOutput(context.maxQueueBytes, Math.min(MAX_STALL_MS, context.requestTimeout / 2), port);
    port.listen({
      message: (bytes) => this.#receive(bytes),
      closed: (closure) => this.#lost(closure),
      drained: () => this.input.drained(),
    });
    this.ready = this.#initialize();
  }

  get startedAt(): number {
    return this.#port.startedAt;
  }

  get answered(): boolean {
    return this.initialized;
  }

  get initialized(): boolean {
    return this.#hello !== undefined;
  }

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  /** Its answer to `initialize`, as sessions get it. */
  get hello(): Message {
    if (this.#hello === undefined) throw new Error("the shared server is not initialised yet");
    return this.#hello;
  }

  get offersLogging(): boolean {
    return this.#offersLogging;
  }

  /** Milliseconds since it was pinged, without any sign of life. */
  get silentFor(): number {
    return this.#silentSince === undefined ? 0 : Date.now() - this.#silentSince;
  }

  /** A port for one session. */
  open(principal: string | undefined): SharedPort {
    const port = new SharedPort(this);
    if (this.#closed !== undefined) {
      port.lost(this.#closed);
      return port;
    }
    const before = this.news.onePrincipal;
    this.news.join(port, principal);
    if (before && !this.news.onePrincipal) {
      const detail = "several callers share the server: its logs no longer go to clients";
      this.#context.log("info", "shared_by_several", { detail });
    }
    this.tellLevel();
    return port;
  }

  /** A session has left. */
  left(port: SharedPort): void {
    const uris = this.news.leave(port);
    if (this.closed) return;
    for (const uri of uris) this.#tell("resources/unsubscribe", { uri });
    this.tellLevel();
    if (this.news.all.size === 0) this.#context.onUnused();
  }

  /** A new id, under which `waiting` gets the answer and the progress. */
  expect(waiting: Waiting): string {
    let id: string;
    do id = String(randomInt(1, MAX_ID));
    while (this.#waiting.has(id));
    this.#waiting.set(id, waiting);
    return id;
  }

  /** Nobody waits for this answer any more. */
  forget(id: string): void {
    this.#waiting.delete(id);
  }

  /** Tells the server to stop working on a request. */
  cancel(id: string, reason: string): void {
    const params = `{"requestId":${id},"reason":${JSON.stringify(reason)}}`;
    this.input.send(this, Buffer.from(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":${params}}`));
  }

  /** Tells the server the least level that any session wants to be told of. */
  tellLevel(): void {
    if (!this.offersLogging) return;
    const level = this.news.levelToTell();
    if (level !== undefined) this.#tell("logging/setLevel", { level });
  }

  ping(timeoutMs: number): Promise<boolean> {
    if (this.closed) return Promise.resolve(false);
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs, false);
      const done = (answered: boolean): void => {
        clearTimeout(timer);
        resolve(answered);
      };
      const ask = (): void => {
        this.#silentSince ??= Date.now();
        this.#ask("ping", {}, { answered: () => done(true), lost: () => done(false) });
      };
      // Not before it is initialised: some servers end when anything else comes first.
      this.ready.then(ask, () => done(false));
    });
  }

  /** Ends it at once for all sessions; the process is given the time it needs. */
  close(reason: string): void {
    this.#lost({ expected: true, reason });
    this.#port.resume();
    void this.#port.close();
  }

  async #initialize(): Promise<void> {
    const { clientInfo, requestTimeout } = this.#context;
    const params = { protocolVersion: LATEST_SESSION_VERSION, capabilities: {}, clientInfo };
    const answer = await new Promise<Message>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#context.metrics.fail("timeout");
        reject(new Unavailable("the server did not answer initialize in time", 1_000));
      }, requestTimeout);
      this.#ask("initialize", params, {
        answered: (message) => {
          clearTimeout(timer);
          resolve(message);
        },
        lost: ({ reason }) => {
          clearTimeout(timer);
          reject(new Unavailable(`the server process ${reason}`, 1_000));
        },
      });
    });
    const { bytes, result } = answer;
    const hello = result && isObject(bytes, result.start) ? readMessage(sharedHello(answer)) : undefined;
    if (!hello?.ok) {
      const text = findString(bytes, answer.error?.start ?? 0, ["message"]) ?? "no result";
      throw new Unavailable(`the server refused initialize: ${text}`, 5_000);
    }
    this.#hello = hello.value;
    this.#offersLogging = findPath(hello.value.bytes, 0, ["result", "capabilities", "logging"]) !== undefined;
    this.input.send(this, Buffer.from('{"jsonrpc":"2.0","method":"notifications/initialized"}'));
  }

  /** A request of the bridge itself. */
  #ask(method: string, params: object, waiting: Waiting): void {
    if (this.#closed !== undefined) {
      waiting.lost?.(this.#closed);
      return;
    }
    const id = this.expect(waiting);
    const request = `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${JSON.stringify(params)}}`;
    this.input.send(this, Buffer.from(request), id);
  }

  #tell(method: string, params: object): void {
    this.#ask(method, params, { answered: () => {} });
  }

  #receive(bytes: Buffer): void {
    this.#silentSince = undefined;
    for (const message of serverMessages(bytes, this.#context)) {
      if (message.kind === "response") this.#respond(message);
      else if (message.kind === "request") this.#asked(message);
      else this.#announced(message);
    }
  }

  #respond(message: Message): void {
    const key = idKey(message.id ?? "");
    const waiting = this.#waiting.get(key);
    this.#waiting.delete(key);
    if (waiting !== undefined) waiting.answered(message);
    else {
      this.#context.metrics.fail("late_response");
      discardLine(message.bytes);
    }
  }

  /** It was told of no client capability, so there is nothing but `ping` that it may ask for. */
  #asked({ id = "", method = "" }: Message): void {
    // A server that asks and does not read the answers must not fill the memory with them.
    if (this.input.queuedBytes(this) > this.#context.maxQueueBytes) return;
    const refusal = `${method}: all sessions share this server, so it can ask none of their clients`;
    const pong = Buffer.from(`{"jsonrpc":"2.0","id":${id},"result":{}}`);
    this.input.send(this, method === "ping" ? pong : errorMessage(id, ErrorCode.methodNotFound, refusal));
  }

  #announced(message: Message): void {
    if (message.method === "notifications/progress") {
      this.#waiting.get(idKey(rawParam(message, "progressToken") ?? ""))?.progressed?.(message);
    } else if (message.method !== "notifications/cancelled") {
      for (const port of this.news.audience(message)) port.deliver(message.bytes);
    }
  }

  #lost(closure: Closure): void {
    if (this.closed) return;
    this.#closed = closure;
    this.output.stop();
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const each of waiting) each.lost?.(closure);
    for (const port of [...this.news.all]) port.lost(closure);
    this.#context.onGone(this);
  }
}
