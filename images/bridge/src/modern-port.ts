import { type Message, readMessage } from "./envelope.ts";
import { findString } from "./json-spans.ts";
import type { Log } from "./log.ts";
import { clientFacts, discoveredVersion, initializeResult, modernRequest, requestMeta } from "./modern-messages.ts";
import { ModernSession } from "./modern-session.ts";
import type { Closure, Port, PortListener } from "./port.ts";
import type { ServerEra } from "./server-era.ts";
import { SESSIONLESS_VERSIONS } from "./sessionless-meta.ts";
import { LATEST_SESSION_VERSION, SESSION_VERSIONS } from "./versions.ts";

/** A server that has just answered `initialize` is up: this is long for one more answer. */
export const DISCOVER_MS = 5_000;
/** No client of ours chooses this id by accident. */
const DISCOVER_ID = "mcp-bridge:discover";

/**
 * A server as a session needs it, whichever era it speaks. It is asked with the client's own `initialize`; one that
 * refuses is asked with `server/discover`, in the same process, and if it answers that, the session is translated.
 * What it refuses with does not matter: 2026-07-28 leaves the code open (versioning: backward compatibility).
 */
export class ModernPort implements Port {
  readonly #port: Port;
  readonly #era: ServerEra;
  readonly #log: Log;
  #listener: PortListener | undefined;
  #initialize: Message | undefined;
  /** The server's error for `initialize`. */
  #refusal: Buffer | undefined;
  #timer: NodeJS.Timeout | undefined;
  #session: ModernSession | undefined;

  constructor(port: Port, era: ServerEra, log: Log) {
    this.#port = port;
    this.#era = era;
    this.#log = log;
  }

  get startedAt(): number {
    return this.#port.startedAt;
  }

  get answered(): boolean {
    return this.#port.answered;
  }

  get closed(): boolean {
    return this.#port.closed;
  }

  get queuedBytes(): number {
    return this.#port.queuedBytes;
  }

  pause(): void {
    this.#port.pause();
  }

  resume(): void {
    this.#port.resume();
  }

  ping(timeoutMs: number): Promise<boolean> {
    return this.#port.ping(timeoutMs);
  }

  close(): Promise<void> {
    this.#session?.end();
    return this.#port.close();
  }

  listen(listener: PortListener): void {
    this.#listener = listener;
    this.#port.listen({ message: (bytes) => this.#receive(bytes), closed: (closure) => this.#lost(closure) });
  }

  send(bytes: Buffer): void {
    if (this.#session !== undefined) {
      this.#session.fromClient(bytes);
      return;
    }
    if (this.#initialize !== undefined) {
      this.#port.send(bytes);
      return;
    }
    const message = readMessage(bytes);
    if (!message.ok || message.value.kind !== "request" || message.value.method !== "initialize") {
      this.#port.send(bytes);
      return;
    }
    this.#initialize = message.value;
    if (this.#era.modern === true) this.#discover(message.value);
    else this.#port.send(bytes);
  }

  #receive(bytes: Buffer): void {
    const initialize = this.#initialize;
    if (this.#session !== undefined) this.#session.fromServer(bytes);
    else if (initialize === undefined) this.#listener?.message(bytes);
    else this.#opening(bytes, initialize);
  }

  #opening(bytes: Buffer, initialize: Message): void {
    const message = readMessage(bytes);
    const answer = message.ok && message.value.kind === "response" ? message.value : undefined;
    if (answer?.id === JSON.stringify(DISCOVER_ID)) this.#discovered(answer, initialize);
    else if (answer?.id !== initialize.id) this.#listener?.message(bytes);
    else if (answer?.error === undefined) this.#handOver(bytes);
    else {
      this.#refusal = bytes;
      this.#discover(initialize);
      this.#timer = setTimeout(() => this.#refuse(), DISCOVER_MS);
    }
  }

  /** It speaks sessions itself: nothing stands between from now on. */
  #handOver(bytes: Buffer): void {
    this.#era.learn(false);
    const listener = this.#listener;
    if (listener === undefined) return;
    listener.message(bytes);
    this.#port.listen(listener);
  }

  #discover(initialize: Message): void {
    // Any version will do to be told which there are.
    const version = SESSIONLESS_VERSIONS.at(-1) ?? "";
    this.#port.send(modernRequest(DISCOVER_ID, "server/discover", requestMeta(clientFacts(initialize), version)));
  }

  #discovered(answer: Message, initialize: Message): void {
    clearTimeout(this.#timer);
    const version = answer.result === undefined ? undefined : discoveredVersion(answer);
    if (version === undefined) {
      if (this.#refusal !== undefined) {
        this.#refuse();
        return;
      }
      // What was remembered of the server is not true any more.
      this.#era.learn(undefined);
      this.#port.send(initialize.bytes);
      return;
    }
    this.#era.learn(true);
    const listener = this.#listener;
    if (listener === undefined) return;
    const asked = findString(initialize.bytes, initialize.params?.start ?? 0, ["protocolVersion"]) ?? "";
    const agreed = SESSION_VERSIONS.includes(asked) ? asked : LATEST_SESSION_VERSION;
    this.#session = new ModernSession({
      version,
      client: clientFacts(initialize),
      discovered: answer,
      toServer: (bytes) => this.#port.send(bytes),
      toClient: (bytes) => listener.message(bytes),
      log: this.#log,
    });
    listener.message(initializeResult(answer, initialize.id ?? "null", agreed));
  }

  /** It speaks neither era with us: its client gets the server's own answer. */
  #refuse(): void {
    clearTimeout(this.#timer);
    const refusal = this.#refusal;
    this.#refusal = undefined;
    // It may be asked to initialize once more.
    this.#initialize = undefined;
    if (refusal !== undefined) this.#listener?.message(refusal);
  }

  #lost(closure: Closure): void {
    clearTimeout(this.#timer);
    this.#refuse();
    this.#session?.end();
    this.#listener?.closed(closure);
  }
}
