import { idKey, type Message } from "./envelope.ts";
import { rawParam, requestedProgress } from "./rewrite.ts";

/** A parsed message. */
export type JsonObject = Record<string, unknown>;

interface Waiting {
  /** As the client wrote it. */
  readonly id: string;
  readonly progressToken: string | undefined;
}

/** Puts JSON text into `JSON.stringify` word for word. In Node since 21, in TypeScript's library not yet. */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

/**
 * A parser rounds numbers beyond 2^53, and SDKs refuse them as ids. So a server in this process sees small numbers,
 * and the client gets back what it wrote: ids and progress tokens (MCP allows any number and string as either).
 */
export class PortIds {
  readonly #waiting = new Map<number, Waiting>();
  /** By `idKey`. */
  readonly #numbers = new Map<string, number>();
  #next = 1;

  /** A number for a request of the bridge itself. */
  reserve(): number {
    return this.#next++;
  }

  /** The message as the server reads it; undefined if it is about a request that nobody waits for. */
  toServer(message: Message): JsonObject | undefined {
    const parsed = JSON.parse(message.bytes.toString("utf8")) as JsonObject;
    const params = parsed.params as JsonObject | undefined;
    if (message.kind === "request") {
      const { id = "" } = message;
      const number = this.#next++;
      const meta = params?._meta as JsonObject | null | undefined;
      const isToken = ["number", "string"].includes(typeof meta?.progressToken);
      const progressToken = isToken ? requestedProgress(message) : undefined;
      this.#waiting.set(number, { id, progressToken });
      this.#numbers.set(idKey(id), number);
      parsed.id = number;
      if (meta && progressToken !== undefined) meta.progressToken = number;
    } else if (message.method === "notifications/cancelled" && params !== undefined) {
      const number = this.#numbers.get(idKey(rawParam(message, "requestId") ?? ""));
      if (number === undefined) return undefined;
      params.requestId = number;
      // A server must not answer what was cancelled.
      this.#forget(number);
    }
    return parsed;
  }

  /**
   * The message as the client reads it; undefined if nobody waits for it any more. Throws if it is not JSON. After a
   * failure, or a result over the limit, its request still waits for another answer.
   */
  toClient(message: JsonObject, maxBytes = Number.POSITIVE_INFINITY): Buffer | undefined {
    const { id, method } = message;
    if (method === undefined && typeof id === "number") {
      const waiting = this.#waiting.get(id);
      if (waiting === undefined) return undefined;
      const bytes = print({ ...message, id: rawJSON(waiting.id) });
      if (bytes.length <= maxBytes) this.#forget(id);
      return bytes;
    }
    if (method === "notifications/progress") {
      const params = message.params as JsonObject | undefined;
      const token = this.#waiting.get(Number(params?.progressToken))?.progressToken;
      if (token === undefined) return undefined;
      return print({ ...message, params: { ...params, progressToken: rawJSON(token) } });
    }
    return print(message);
  }

  #forget(number: number): void {
    const waiting = this.#waiting.get(number);
    if (waiting === undefined) return;
    this.#waiting.delete(number);
    const key = idKey(waiting.id);
    if (this.#numbers.get(key) === number) this.#numbers.delete(key);
  }
}

const print = (message: JsonObject): Buffer => Buffer.from(JSON.stringify(message));
