import { ErrorCode, errorMessage, idKey, type Message, readMessage } from "./envelope.ts";
import { Fifo } from "./fifo.ts";
import type { Closure, Port, PortListener } from "./port.ts";
import { rawParam, requestedProgress, stringParam } from "./rewrite.ts";
import { MCP_LOG_LEVELS } from "./sessionless-meta.ts";
import { helloFor, requestForServer, withId, withParam } from "./shared-messages.ts";
import type { SharedServer } from "./shared-server.ts";

/** What the server is told once by the bridge, and what is about capabilities that it was never told of. */
const KEPT_BACK = new Set(["notifications/initialized", "notifications/progress", "notifications/roots/list_changed"]);

/**
 * What one session sees of the server that it shares with others: a port of its own, with ids and progress tokens
 * of its own. Some requests are answered here, because their effect would reach other sessions.
 */
export class SharedPort implements Port {
  readonly answered = true;
  /** It has been answered `initialize`. */
  initialized = false;
  readonly #server: SharedServer;
  /** Requests in flight: the server's ids, by the session's. */
  readonly #inFlight = new Map<string, string>();
  readonly #held = new Fifo<Buffer>();
  #heldBytes = 0;
  #paused = false;
  #listener: PortListener | undefined;
  #closed: Closure | undefined;

  constructor(server: SharedServer) {
    this.#server = server;
  }

  get startedAt(): number {
    return this.#server.startedAt;
  }

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  get queuedBytes(): number {
    return this.#server.input.queuedBytes(this);
  }

  /** Bytes that wait until the client has read what was sent before. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  send(bytes: Buffer): void {
    const read = readMessage(bytes);
    if (!read.ok || this.closed) return;
    if (read.value.kind === "request") this.#request(read.value);
    else if (read.value.kind === "notification") this.#notify(read.value);
    // Responses answer nothing: the server's own requests reach no session.
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    const before = this.#heldBytes;
    while (!this.#paused) {
      const bytes = this.#held.shift();
      if (bytes === undefined) break;
      this.#heldBytes -= bytes.length;
      this.#listener?.message(bytes);
    }
    if (this.#heldBytes < before) this.#server.output.changed(this, this.#heldBytes - before);
  }

  listen(listener: PortListener): void {
    this.#listener = listener;
    if (this.#closed !== undefined) listener.closed(this.#closed);
  }

  ping(timeoutMs: number): Promise<boolean> {
    return this.#server.ping(timeoutMs);
  }

  /** Ends this session's part; the server goes on. */
  async close(): Promise<void> {
    this.#leave("was left");
  }

  /** The server is gone. What it wrote before is still worth having. */
  lost(closure: Closure): void {
    if (this.closed) return;
    for (const bytes of this.#held.drain()) this.#listener?.message(bytes);
    this.#end(closure);
  }

  /** The client does not read, and others wait for it. */
  stalled(): void {
    // Behind a link there are several clients: it knows which of them does not read.
    if (this.#listener?.stalled !== undefined) this.#listener.stalled();
    else this.#leave("is needed by others, whom this client held up by not reading");
  }

  /** Passes on a message of the server: now, or once the client has read what was sent before. */
  deliver(bytes: Buffer): void {
    if (this.closed) return;
    if (!this.#paused) {
      this.#listener?.message(bytes);
      return;
    }
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
    this.#server.output.changed(this, bytes.length);
  }

  #request(message: Message): void {
    const { id = "", method = "" } = message;
    if (method === "initialize") {
      this.initialized = true;
      this.#answer(helloFor(this.#server.hello, message));
    } else if (method.startsWith("tasks/")) {
      this.#answer(errorMessage(id, ErrorCode.methodNotFound, `${method}: a shared server offers no tasks`));
    } else if (method === "logging/setLevel" && this.#server.offersLogging) this.#setLevel(message);
    else if (method === "resources/subscribe") this.#subscribe(message);
    else if (method === "resources/unsubscribe") this.#unsubscribe(message);
    else this.#forward(message, this);
  }

  /** @param lane who sends it: the server's own messages keep their order among all sessions. */
  #forward(message: Message, lane: SharedPort | SharedServer, settled?: (ok: boolean) => void): void {
    const { id = "" } = message;
    const token = requestedProgress(message);
    const serverId = this.#server.expect({
      answered: (answer) => {
        this.#inFlight.delete(idKey(id));
        settled?.(answer.result !== undefined);
        this.deliver(withId(answer, id));
      },
      progressed: (progress) => {
        if (token !== undefined) this.deliver(withParam(progress, "progressToken", token));
      },
    });
    this.#inFlight.set(idKey(id), serverId);
    this.#server.input.send(lane, requestForServer(message, serverId), serverId);
  }

  /** The server has one level for all, so it gets the least that anyone asks for. */
  #setLevel(message: Message): void {
    const { id = "" } = message;
    const level = stringParam(message, "level") ?? "";
    if (MCP_LOG_LEVELS.includes(level)) {
      this.#server.news.setLevel(this, level);
      this.#server.tellLevel();
      this.#answer(emptyResult(id));
    } else {
      const text = `"level" must be one of ${MCP_LOG_LEVELS.join(", ")}`;
      this.#answer(errorMessage(id, ErrorCode.invalidParams, text));
    }
  }

  /** The server is subscribed to a resource once, as long as any session is. */
  #subscribe(message: Message): void {
    const { news } = this.#server;
    const uri = stringParam(message, "uri");
    if (uri === undefined) this.#forward(message, this.#server);
    else if (news.subscribe(this, uri)) this.#answer(emptyResult(message.id ?? ""));
    else {
      this.#forward(message, this.#server, (ok) => {
        if (ok) news.confirm(this, uri);
        else news.unsubscribe(this, uri);
      });
    }
  }

  #unsubscribe(message: Message): void {
    const uri = stringParam(message, "uri");
    if (uri === undefined || this.#server.news.unsubscribe(this, uri)) this.#forward(message, this.#server);
    else this.#answer(emptyResult(message.id ?? ""));
  }

  #notify(message: Message): void {
    if (KEPT_BACK.has(message.method ?? "")) return;
    if (message.method !== "notifications/cancelled") {
      this.#server.input.send(this, message.bytes);
      return;
    }
    const key = idKey(rawParam(message, "requestId") ?? "");
    const serverId = this.#inFlight.get(key);
    if (serverId === undefined) return;
    this.#inFlight.delete(key);
    this.#server.forget(serverId);
    this.#server.input.send(this, withParam(message, "requestId", serverId));
  }

  /** As the server would: not before the request has been dealt with. */
  #answer(bytes: Buffer): void {
    queueMicrotask(() => this.deliver(bytes));
  }

  #leave(reason: string): void {
    if (this.closed) return;
    const unsent = this.#server.input.discard(this);
    for (const id of this.#inFlight.values()) {
      this.#server.forget(id);
      if (!unsent.has(id)) this.#server.cancel(id, "the session ended");
    }
    this.#end({ expected: true, reason });
  }

  #end(closure: Closure): void {
    this.#closed = closure;
    this.#inFlight.clear();
    this.#held.drain();
    const held = this.#heldBytes;
    this.#heldBytes = 0;
    if (held > 0) this.#server.output.changed(this, -held);
    this.#server.left(this);
    this.#listener?.closed(closure);
  }
}

function emptyResult(id: string): Buffer {
  return Buffer.from(`{"jsonrpc":"2.0","id":${id},"result":{}}`);
}
