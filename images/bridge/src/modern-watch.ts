import { ErrorCode, errorMessage, type Message } from "./envelope.ts";
import { eachElement, findPath, findString, isArray, isString, readString } from "./json-spans.ts";
import { modernRequest, subscriptionOf, toSessionError } from "./modern-messages.ts";
import { answer, notification } from "./sessionless-messages.ts";

/** Resources that one session may watch; each is a request that stays open at the server. */
const MAX_WATCHED = 1_000;
const LISTS = { tools: "toolsListChanged", prompts: "promptsListChanged", resources: "resourcesListChanged" } as const;
const EMPTY = Buffer.from("{}");

export interface WatchContext {
  readonly newId: () => number;
  /** Members of `_meta`. */
  readonly meta: () => string;
  readonly toServer: (bytes: Buffer) => void;
  readonly toClient: (bytes: Buffer) => void;
}

interface Watched {
  /** The listening request. */
  readonly id: number;
  /** The client's requests that wait for the server's consent, as raw ids; undefined once it was given. */
  waiting: string[] | undefined;
}

/**
 * What a session hears unasked, from a server that only tells who listens: one `subscriptions/listen` for the lists
 * that may change, and one for each resource that the client has subscribed to.
 */
export class ModernWatch {
  readonly #context: WatchContext;
  readonly #byUri = new Map<string, Watched>();
  #listening = false;

  constructor(context: WatchContext) {
    this.#context = context;
  }

  /** Servers of the session eras announce changes of lists to every client. */
  lists(offered: (list: string) => boolean): void {
    const wanted = Object.entries(LISTS).filter(([list]) => offered(list));
    if (this.#listening || wanted.length === 0) return;
    this.#listening = true;
    this.#listen(`{${wanted.map(([, key]) => `"${key}":true`).join(",")}}`);
  }

  subscribe(message: Message): void {
    const { id = "" } = message;
    const { toClient } = this.#context;
    const uri = uriOf(message);
    if (uri === undefined) {
      toClient(errorMessage(id, ErrorCode.invalidParams, '"uri" must be a string'));
      return;
    }
    const known = this.#byUri.get(uri);
    if (known !== undefined) {
      if (known.waiting === undefined) toClient(answer(id, EMPTY));
      else known.waiting.push(id);
      return;
    }
    if (this.#byUri.size >= MAX_WATCHED) {
      const text = `over ${MAX_WATCHED} resources are subscribed to; unsubscribe from some`;
      toClient(errorMessage(id, ErrorCode.server, text));
      return;
    }
    this.#byUri.set(uri, { id: this.#listen(`{"resourceSubscriptions":[${JSON.stringify(uri)}]}`), waiting: [id] });
  }

  unsubscribe(message: Message): void {
    const { id = "" } = message;
    const { toClient, toServer } = this.#context;
    const uri = uriOf(message);
    if (uri === undefined) {
      toClient(errorMessage(id, ErrorCode.invalidParams, '"uri" must be a string'));
      return;
    }
    const watched = this.#byUri.get(uri);
    if (watched !== undefined) {
      this.#byUri.delete(uri);
      toServer(notification("notifications/cancelled", `{"requestId":${watched.id}}`));
      for (const waiting of watched.waiting ?? []) toClient(answer(waiting, EMPTY));
    }
    toClient(answer(id, EMPTY));
  }

  /** The server listens, or not: what it does not name it will not announce. */
  acknowledged(message: Message): void {
    const [uri, watched] = this.#find(subscriptionOf(message) ?? "");
    if (uri === undefined || watched?.waiting === undefined) return;
    const { waiting } = watched;
    if (agreedTo(message, uri)) {
      watched.waiting = undefined;
      for (const id of waiting) this.#context.toClient(answer(id, EMPTY));
      return;
    }
    this.#drop(uri, watched, "the server does not announce changes of this resource");
  }

  /** The end of a subscription, or an error if it never began. */
  answered(message: Message): void {
    const [uri, watched] = this.#find(message.id ?? "");
    if (uri === undefined || watched === undefined) return;
    this.#byUri.delete(uri);
    for (const id of watched.waiting ?? []) {
      const { toClient } = this.#context;
      if (message.error !== undefined) toClient(toSessionError(message, id, "resources/subscribe"));
      else toClient(errorMessage(id, ErrorCode.invalidParams, "the server ended the subscription at once"));
    }
  }

  /** The server announces no more. @param id raw text. */
  ended(id: string): void {
    const [uri, watched] = this.#find(id);
    if (uri !== undefined && watched !== undefined) this.#drop(uri, watched, "the server ended the subscription");
  }

  #drop(uri: string, watched: Watched, reason: string): void {
    this.#byUri.delete(uri);
    for (const id of watched.waiting ?? []) {
      this.#context.toClient(errorMessage(id, ErrorCode.invalidParams, reason, { uri }));
    }
  }

  #find(id: string): [string, Watched] | [undefined, undefined] {
    for (const entry of this.#byUri) if (String(entry[1].id) === id) return entry;
    return [undefined, undefined];
  }

  #listen(filter: string): number {
    const { newId, meta, toServer } = this.#context;
    const id = newId();
    toServer(modernRequest(id, "subscriptions/listen", meta(), `"notifications":${filter}`));
    return id;
  }
}

function uriOf({ bytes, params }: Message): string | undefined {
  return params && findString(bytes, params.start, ["uri"]);
}

function agreedTo({ bytes, params }: Message, uri: string): boolean {
  const agreed = params && findPath(bytes, params.start, ["notifications", "resourceSubscriptions"]);
  let found = false;
  if (agreed !== undefined && isArray(bytes, agreed.start)) {
    eachElement(bytes, agreed.start, (start, end) => {
      if (isString(bytes, start) && readString(bytes, start, end) === uri) found = true;
    });
  }
  return found;
}
