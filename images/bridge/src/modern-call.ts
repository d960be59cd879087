import { randomUUID } from "node:crypto";
import { type Capabilities, needOf } from "./client-capabilities.ts";
import { ErrorCode, errorMessage, type Message, readMessage } from "./envelope.ts";
import { eachMember, findMember, findString, isObject } from "./json-spans.ts";
import { type ClientFacts, toModern, toSessionError, toSessionResult } from "./modern-messages.ts";

/** Times that one call may be asked for more; a server that never has enough must come to an end. */
const MAX_ROUNDS = 10;
/** Before a call goes on for which nothing was asked: the server only wants to be asked again. */
const PACE_MS = 250;

export interface ModernCallContext {
  readonly client: ClientFacts;
  /** Members of `_meta`. */
  readonly meta: string;
  /** Sends what `build` makes of a new id, and returns that. */
  readonly send: (build: (id: number) => Buffer) => number;
  /** Asks the client; returns the request's id. @param params JSON text, empty for none. */
  readonly ask: (key: string, method: string, params: string) => string;
  /** The client need not answer any more. */
  readonly withdraw: (id: string) => void;
  readonly finish: (bytes: Buffer) => void;
}

/**
 * One call of a client that can be asked only by requests, at a server that asks only by results (2026-07-28,
 * multi round-trip requests): as long as it answers `input_required`, the client is asked, and the call is made again
 * with what it said.
 */
export class ModernCall {
  readonly #message: Message;
  readonly #context: ModernCallContext;
  /** Id at the server; undefined while the client is asked. */
  #id: number | undefined;
  #rounds = 0;
  #state: string | undefined;
  /** Ids of what the client has not answered, by key. */
  readonly #open = new Map<string, string>();
  readonly #inputs = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(message: Message, context: ModernCallContext) {
    this.#message = message;
    this.#context = context;
  }

  start(): void {
    const more: string[] = [];
    if (this.#inputs.size > 0) {
      const inputs = [...this.#inputs].map(([key, value]) => `${JSON.stringify(key)}:${value}`);
      more.push(`"inputResponses":{${inputs.join(",")}}`);
    }
    if (this.#state !== undefined) more.push(`"requestState":${this.#state}`);
    this.#id = this.#context.send((id) => toModern(this.#message, id, this.#context.meta, more));
  }

  answered(message: Message): void {
    this.#id = undefined;
    const { bytes, result } = message;
    const { id = "", method = "" } = this.#message;
    const type = result && (findString(bytes, result.start, ["resultType"]) ?? "complete");
    if (result === undefined) this.#context.finish(toSessionError(message, id, method));
    else if (type === "complete") this.#context.finish(toSessionResult(message, id, method));
    else if (type !== "input_required") this.#fail(`the server answered with "${type}", unknown before 2026-07-28`);
    else if (++this.#rounds > MAX_ROUNDS) this.#fail(`the server still asked for input after ${MAX_ROUNDS} rounds`);
    else this.#round(message, result.start);
  }

  /** The client's answer to what it was asked. */
  replied(key: string, { bytes, result, error }: Message): void {
    if (!this.#open.delete(key)) return;
    if (result === undefined || !isObject(bytes, result.start)) {
      const text = error === undefined ? undefined : findString(bytes, error.start, ["message"]);
      this.#fail(`the client did not give what the server asked for ("${key}"): ${text ?? "no result"}`);
      return;
    }
    this.#inputs.set(key, bytes.toString("utf8", result.start, result.end));
    if (this.#open.size === 0) this.start();
  }

  /** Nobody waits for it any more. Returns its id at the server, if it is there. */
  stop(): number | undefined {
    clearTimeout(this.#timer);
    for (const id of this.#open.values()) this.#context.withdraw(id);
    this.#open.clear();
    return this.#id;
  }

  #round({ bytes }: Message, at: number): void {
    // What was said counts for one round; the state carries what the server wants to remember.
    this.#inputs.clear();
    const state = findMember(bytes, at, "requestState");
    this.#state = state && bytes.toString("utf8", state.start, state.end);
    const requests = findMember(bytes, at, "inputRequests");
    const asked: [key: string, request: Message][] = [];
    let fault: string | undefined;
    if (requests !== undefined) {
      eachMember(bytes, requests.start, (key, _keyStart, start, end) => {
        const read = readInput(bytes.subarray(start, end));
        if (read === undefined) fault ??= `the server asked for something unreadable ("${key}")`;
        else fault ??= faultOf(read, this.#context.client);
        if (read !== undefined) asked.push([key, read]);
      });
    }
    if (fault !== undefined) {
      this.#fail(fault);
      return;
    }
    if (asked.length > 0) {
      // All keys first: an answer may come before the next question is out.
      for (const [key] of asked) this.#open.set(key, "");
      for (const [key, request] of asked) {
        if (!this.#open.has(key)) return;
        this.#open.set(key, this.#context.ask(key, request.method ?? "", paramsOf(request)));
      }
      return;
    }
    if (state === undefined) {
      this.#fail("the server asked for input and did not say which");
      return;
    }
    this.#timer = setTimeout(() => this.start(), PACE_MS);
  }

  #fail(reason: string): void {
    this.stop();
    this.#context.finish(errorMessage(this.#message.id ?? "null", ErrorCode.internal, reason));
  }
}

/** One of `inputRequests` as the message that it is without an id. */
function readInput(bytes: Buffer): Message | undefined {
  if (!isObject(bytes, 0)) return undefined;
  const method = findString(bytes, 0, ["method"]);
  const params = findMember(bytes, 0, "params");
  if (method === undefined || (params !== undefined && !isObject(bytes, params.start))) return undefined;
  const text = params === undefined ? "{}" : bytes.toString("utf8", params.start, params.end);
  const read = readMessage(Buffer.from(`{"jsonrpc":"2.0","id":0,"method":${JSON.stringify(method)},"params":${text}}`));
  return read.ok ? read.value : undefined;
}

/** A server must not ask for what its client has not declared (2026-07-28, multi round-trip requests). */
function faultOf(request: Message, client: ClientFacts): string | undefined {
  const need = needOf(request, JSON.parse(client.capabilities) as Capabilities);
  return need.kind === "met" ? undefined : `the server asked for ${request.method}, which the client does not offer`;
}

/** Until 2025-11-25 an elicitation by URL has an id; 2026-07-28 has none. */
function paramsOf({ bytes, method, params }: Message): string {
  if (params === undefined) return "";
  const text = bytes.toString("utf8", params.start, params.end);
  const needsId =
    method === "elicitation/create" &&
    findString(bytes, params.start, ["mode"]) === "url" &&
    findMember(bytes, params.start, "elicitationId") === undefined;
  return needsId ? `{"elicitationId":"${randomUUID()}",${text.slice(1)}` : text;
}
