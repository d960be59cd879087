import { AsyncLocalStorage } from "node:async_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { ErrorCode, readMessage } from "./envelope.ts";
import type { HostedServer, ServerTransport } from "./hosted-server.ts";
import type { Closure, Port, PortListener } from "./port.ts";
import { type JsonObject, PortIds } from "./port-ids.ts";
import { PortOutbox } from "./port-outbox.ts";

/** A server that has not ended by then is left behind: it must not hold up the drain. */
const CLOSE_TIMEOUT_MS = 2_000;

export interface InProcessEvents {
  /** Writes to the log, with the session's tag. */
  log(level: "warn" | "error", event: string, fields: Readonly<Record<string, unknown>>): void;
  /** It wrote a message over the limit, which was not passed on. */
  oversized(bytes: number): void;
  /** The server has written its first message. */
  answered(): void;
  gone(closure: Closure, answered: boolean): void;
}

export interface InProcessLimits {
  readonly maxQueueBytes: number;
  readonly maxMessageBytes: number;
}

/** Code of a server runs in here, and whatever it starts: that tells whose fault an error without a caller is. */
const running = new AsyncLocalStorage<InProcessPort>();

/** The port whose server's code runs now. */
export function runningPort(): InProcessPort | undefined {
  return running.getStore();
}

/** One server in this process, serving one session over the SDK's `Transport`. */
export class InProcessPort implements Port {
  readonly startedAt = Date.now();
  /** Resolves once the server takes messages; rejects if it cannot be made. */
  readonly ready: Promise<void>;
  readonly #events: InProcessEvents;
  readonly #limits: InProcessLimits;
  readonly #ids = new PortIds();
  readonly #outbox: PortOutbox;
  readonly #transport: ServerTransport;
  readonly #readiness = Promise.withResolvers<void>();
  readonly #pongs = new Map<number, (answered: boolean) => void>();
  #server: HostedServer | undefined;
  #started = false;
  #inbox: { readonly message: JsonObject; readonly size: number }[] = [];
  #inboxBytes = 0;
  #listener: PortListener | undefined;
  #answered = false;
  #ending = false;
  #gone: Promise<void> | undefined;
  #closed: Closure | undefined;

  constructor(create: () => HostedServer | Promise<HostedServer>, limits: InProcessLimits, events: InProcessEvents) {
    this.#events = events;
    this.#limits = limits;
    this.#outbox = new PortOutbox(limits.maxQueueBytes);
    this.#transport = {
      start: () => {
        this.#started = true;
        this.#wakeServer();
        return Promise.resolve();
      },
      send: (message: JsonObject) => this.#receive(message),
      close: () => {
        this.#finish("closed its connection");
        return Promise.resolve();
      },
    };
    this.ready = this.#readiness.promise;
    // Whoever does not wait for it learns of a failure as a closed port.
    this.ready.catch(() => {});
    void running.run(this, () => this.#start(create));
  }

  get answered(): boolean {
    return this.#answered;
  }

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  get queuedBytes(): number {
    return this.#inboxBytes;
  }

  send(bytes: Buffer): void {
    if (this.#closed !== undefined) return;
    const envelope = readMessage(bytes);
    const message = envelope.ok ? this.#ids.toServer(envelope.value) : undefined;
    if (message !== undefined) this.#push(message, bytes.length);
  }

  pause(): void {
    this.#outbox.pause();
  }

  resume(): void {
    this.#outbox.resume();
  }

  listen(listener: PortListener): void {
    this.#listener = listener;
    this.#outbox.listen((bytes) => listener.message(bytes));
    if (this.#closed !== undefined) listener.closed(this.#closed);
  }

  ping(timeoutMs: number): Promise<boolean> {
    if (this.#closed !== undefined) return Promise.resolve(false);
    return new Promise((resolve) => {
      const id = this.#ids.reserve();
      const done = (answered: boolean): void => {
        clearTimeout(timer);
        this.#pongs.delete(id);
        resolve(answered);
      };
      const timer = setTimeout(done, timeoutMs, false);
      this.#pongs.set(id, done);
      this.#push({ jsonrpc: "2.0", id, method: "ping" }, 0);
    });
  }

  close(): Promise<void> {
    this.#ending = true;
    this.#gone ??= this.#close();
    return this.#gone;
  }

  /** The server threw where nobody could catch it: its session ends, the others go on. */
  crash(error: unknown): void {
    this.#events.log("error", "uncaught_error", { error: describe(error) });
    this.fail("had an uncaught error");
  }

  /** Nobody waits for the result of a promise that failed: the session goes on. */
  rejected(reason: unknown): void {
    this.#events.log("error", "unhandled_rejection", { error: describe(reason) });
  }

  /** Ends the server unasked, as if it had gone by itself. */
  fail(reason: string): void {
    this.#finish(reason);
    void this.close();
  }

  /** Lets go of the server at once. */
  abandon(): void {
    this.#ending = true;
    this.#gone ??= Promise.resolve();
    this.#finish("was ended");
  }

  async #start(create: () => HostedServer | Promise<HostedServer>): Promise<void> {
    // Its maker has to have it first.
    await Promise.resolve();
    try {
      this.#server = await create();
      await this.#server.connect(this.#transport);
      this.#readiness.resolve();
    } catch (error) {
      this.#events.log("error", "server_start_failed", { error: describe(error) });
      this.#finish("could not be started");
    } finally {
      // It was ended while it was still being made.
      if (this.#closed !== undefined) void this.#closeServer();
    }
  }

  async #close(): Promise<void> {
    if (this.#closed === undefined && this.#server === undefined) this.#finish("was ended before it was started");
    const late = new AbortController();
    const timeout = sleep(CLOSE_TIMEOUT_MS, true, { signal: late.signal }).catch(() => false);
    if (await Promise.race([this.#closeServer().then(() => false), timeout])) {
      this.#events.log("warn", "server_close_timeout", { afterMs: CLOSE_TIMEOUT_MS });
    }
    late.abort();
    this.#finish("was ended");
  }

  async #closeServer(): Promise<void> {
    try {
      await running.run(this, () => this.#server?.close());
    } catch (error) {
      this.#events.log("warn", "server_close_failed", { error: describe(error) });
    }
  }

  #push(message: JsonObject, size: number): void {
    this.#inbox.push({ message, size });
    this.#inboxBytes += size;
    // Never within `send`: an answer must not come before the caller is done with the request.
    if (this.#started) queueMicrotask(() => this.#wakeServer());
  }

  #wakeServer(): void {
    const inbox = this.#inbox;
    this.#inbox = [];
    this.#inboxBytes = 0;
    for (const { message } of inbox) {
      if (this.#closed !== undefined) return;
      try {
        running.run(this, () => this.#transport.onmessage?.(message));
      } catch (error) {
        this.#events.log("error", "handler_failed", { error: describe(error) });
        if (message.id !== undefined && message.method !== undefined) {
          void this.#receive({ jsonrpc: "2.0", id: message.id, error: INTERNAL_ERROR });
        }
      }
    }
  }

  /** A message of the server. The promise is what slows it down: it resolves once the session has taken it. */
  #receive(message: JsonObject): Promise<void> {
    if (this.#closed !== undefined) return Promise.reject(new Error("the session has ended"));
    if (!this.#answered) {
      this.#answered = true;
      this.#events.answered();
    }
    const pong = message.method === undefined ? this.#pongs.get(Number(message.id)) : undefined;
    if (pong !== undefined) {
      pong(true);
      return Promise.resolve();
    }
    let bytes: Buffer | undefined;
    try {
      bytes = this.#print(message);
    } catch (error) {
      return Promise.reject(error);
    }
    if (bytes === undefined) return Promise.resolve();
    if (!this.#outbox.full) return this.#outbox.push(bytes);
    const { maxQueueBytes } = this.#limits;
    this.#events.log("error", "queue_overflow", { limit: maxQueueBytes });
    this.fail(`wrote on while its client did not read: more than ${maxQueueBytes} bytes wait`);
    return Promise.reject(new Error("the session has ended: its client does not read"));
  }

  /** What cannot be passed on is an error, to the client where it waits for an answer, else to the server. */
  #print(message: JsonObject): Buffer | undefined {
    const { maxMessageBytes } = this.#limits;
    let fault: string;
    try {
      const bytes = this.#ids.toClient(message, maxMessageBytes);
      if (bytes === undefined || bytes.length <= maxMessageBytes) return bytes;
      this.#events.oversized(bytes.length);
      fault = `of ${bytes.length} bytes is over --max-message-bytes, ${maxMessageBytes}`;
    } catch (error) {
      fault = `is no JSON: ${error instanceof Error ? error.message : String(error)}`;
      this.#events.log("error", "unprintable_message", { fault });
    }
    if (message.method !== undefined) throw new Error(`the message ${fault}`);
    const error = { code: ErrorCode.internal, message: `the server's answer ${fault}` };
    return this.#ids.toClient({ jsonrpc: "2.0", id: message.id, error });
  }

  #finish(reason: string): void {
    if (this.#closed !== undefined) return;
    this.#closed = { expected: this.#ending, reason };
    this.#readiness.reject(new Error(reason));
    this.#inbox = [];
    this.#inboxBytes = 0;
    this.#outbox.end(!this.#ending);
    for (const pong of this.#pongs.values()) pong(false);
    try {
      running.run(this, () => this.#transport.onclose?.());
    } catch (error) {
      this.#events.log("warn", "server_close_failed", { error: describe(error) });
    }
    this.#events.gone(this.#closed, this.#answered);
    this.#listener?.closed(this.#closed);
  }
}

const INTERNAL_ERROR = { code: ErrorCode.internal, message: "the server failed; the log has the cause" };

/** For the log; errors say what was wrong, and should hold no payload. */
function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
