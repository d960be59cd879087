import { ErrorCode, type Message } from "./envelope.ts";
import { findMember, isObject } from "./json-spans.ts";
import { stringParam } from "./rewrite.ts";
import type { ServerLink } from "./server-link.ts";
import type { SessionlessRequest } from "./sessionless-checks.ts";
import { notification, withSubscription } from "./sessionless-messages.ts";
import { META_SERVER_INFO, META_SUBSCRIPTION } from "./sessionless-meta.ts";
import type { SessionlessReply } from "./sessionless-reply.ts";

/** What a client wants to hear of, or what it gets. */
export interface Filter {
  readonly toolsListChanged?: boolean;
  readonly promptsListChanged?: boolean;
  readonly resourcesListChanged?: boolean;
  readonly resourceSubscriptions?: readonly string[];
}

const LISTS = { toolsListChanged: "tools", promptsListChanged: "prompts", resourcesListChanged: "resources" } as const;
type ListKey = keyof typeof LISTS;
/** Events that may come before the subscription is acknowledged. */
const MAX_EARLY = 256;
/** Resources of one stream: each costs a request to the server. */
const MAX_RESOURCES = 1_000;

/** `params.notifications` of `subscriptions/listen`, or what is wrong with it. */
export function readFilter({ bytes, params }: Message): Filter | string {
  const span = params === undefined ? undefined : findMember(bytes, params.start, "notifications");
  if (span === undefined || !isObject(bytes, span.start)) return '"params.notifications" must be an object';
  const wanted = JSON.parse(bytes.toString("utf8", span.start, span.end)) as Record<string, unknown>;
  const filter: Record<string, unknown> = {};
  for (const key of Object.keys(LISTS)) {
    const value = wanted[key];
    if (value !== undefined && typeof value !== "boolean") return `"${key}" must be true or false`;
    if (value === true) filter[key] = true;
  }
  const uris = wanted.resourceSubscriptions;
  if (uris === undefined) return filter;
  if (!Array.isArray(uris) || uris.some((uri) => typeof uri !== "string")) {
    return '"resourceSubscriptions" must be a list of URIs';
  }
  if (uris.length > MAX_RESOURCES)
    return `"resourceSubscriptions" may list ${MAX_RESOURCES} URIs; listen twice for more`;
  return { ...filter, resourceSubscriptions: [...new Set(uris as string[])] };
}

/** Whether a notification of the server is one that was asked for. */
function wants(filter: Filter, message: Message): boolean {
  if (message.method === "notifications/resources/updated") {
    const uri = stringParam(message, "uri");
    return uri !== undefined && (filter.resourceSubscriptions ?? []).some((each) => isAtOrBelow(uri, each));
  }
  const list = /^notifications\/(\w+)\/list_changed$/.exec(message.method ?? "")?.[1];
  return (Object.keys(LISTS) as ListKey[]).some((key) => LISTS[key] === list && filter[key] === true);
}

/** A server may report a part of what was subscribed to (2025-11-25, resources: subscriptions). */
export function isAtOrBelow(uri: string, subscribed: string): boolean {
  return uri === subscribed || uri.startsWith(subscribed.endsWith("/") ? subscribed : `${subscribed}/`);
}

interface Listener {
  readonly principal: string | undefined;
  readonly reply: SessionlessReply;
  readonly link: ServerLink;
  readonly filter: Filter;
  /** What came before the acknowledgement, which must be first; undefined after it. */
  early: Buffer[] | undefined;
}

/**
 * `subscriptions/listen`: streams that hear what the servers of a principal announce. The server is subscribed to
 * a resource once, as long as anyone listens to it.
 */
export class Subscriptions {
  readonly #maxQueueBytes: number;
  readonly #listeners = new Set<Listener>();
  readonly #counts = new WeakMap<ServerLink, Map<string, number>>();

  constructor(maxQueueBytes: number) {
    this.#maxQueueBytes = maxQueueBytes;
  }

  get size(): number {
    return this.#listeners.size;
  }

  /** Opens a stream; `link` is kept as long as it lasts. */
  async listen(
    { id }: SessionlessRequest,
    filter: Filter,
    stream: { reply: SessionlessReply; link: ServerLink; principal: string | undefined },
  ): Promise<void> {
    const { link, reply, principal } = stream;
    const listener: Listener = { principal, reply, link, filter: honoured(filter, link), early: [] };
    this.#listeners.add(listener);
    link.pins.add(listener);
    const uris = await this.#subscribe(link, listener.filter.resourceSubscriptions ?? []);
    const { resourceSubscriptions, ...lists } = listener.filter;
    const agreed = resourceSubscriptions === undefined ? lists : { ...lists, resourceSubscriptions: uris };
    const params = JSON.stringify({ notifications: agreed, _meta: {} });
    // The id as its client wrote it: a number may have more digits than a double.
    const tagged = `${params.slice(0, -2)}"${META_SUBSCRIPTION}":${id}}}`;
    reply.event(notification("notifications/subscriptions/acknowledged", tagged));
    for (const event of listener.early ?? []) reply.event(event);
    listener.early = undefined;
    // It left, or the server went, while the server was being subscribed.
    if (reply.done || link.gone) this.#release(listener);
  }

  /** A client closed its stream. */
  left(reply: SessionlessReply): void {
    for (const listener of this.#listeners)
      if (listener.reply === reply && listener.early === undefined) this.#release(listener);
  }

  /** A server of the principal announced something. */
  announce(principal: string | undefined, message: Message): void {
    for (const listener of this.#listeners) {
      if (listener.principal !== principal || !wants(listener.filter, message)) continue;
      const event = withSubscription(message, listener.reply.id);
      if (listener.early !== undefined) {
        if (listener.early.length < MAX_EARLY) listener.early.push(event);
      } else if (listener.reply.queuedBytes > this.#maxQueueBytes) {
        // It may come back; to keep all that it does not read would help nobody.
        listener.reply.abandon();
        this.#release(listener);
      } else listener.reply.event(event);
    }
  }

  /** The server is gone: so are its subscriptions. */
  lost(link: ServerLink): void {
    for (const listener of this.#listeners) {
      if (listener.link !== link) continue;
      const message = "the server is gone; listen again";
      listener.reply.refuse({ status: 200, code: ErrorCode.server, message, cause: "child_exit" }, "child_exit");
      this.#listeners.delete(listener);
    }
  }

  /** Ends all streams as the revision wants it of a server that shuts down: with a result. */
  close(): void {
    for (const listener of this.#listeners) {
      listener.reply.end(subscriptionEnd(listener.reply.id, listener.link.serverInfo));
      this.#release(listener);
    }
  }

  async #subscribe(link: ServerLink, uris: readonly string[]): Promise<string[]> {
    const counts = this.#countsOf(link);
    const taken = await Promise.all(
      uris.map(async (uri) => {
        const count = counts.get(uri) ?? 0;
        counts.set(uri, count + 1);
        if (count > 0) return true;
        const answer = await link.ask("resources/subscribe", JSON.stringify({ uri })).catch(() => undefined);
        return answer?.result !== undefined;
      }),
    );
    return uris.filter((_uri, i) => taken[i]);
  }

  #release(listener: Listener): void {
    if (!this.#listeners.delete(listener)) return;
    const { link } = listener;
    link.pins.delete(listener);
    const counts = this.#countsOf(link);
    for (const uri of listener.filter.resourceSubscriptions ?? []) {
      const count = (counts.get(uri) ?? 1) - 1;
      if (count > 0) counts.set(uri, count);
      else {
        counts.delete(uri);
        if (!link.gone) link.ask("resources/unsubscribe", JSON.stringify({ uri })).catch(() => {});
      }
    }
  }

  #countsOf(link: ServerLink): Map<string, number> {
    let counts = this.#counts.get(link);
    if (counts === undefined) {
      counts = new Map();
      this.#counts.set(link, counts);
    }
    return counts;
  }
}

/** The answer to `subscriptions/listen`, which is its end. @param id the request's, as raw text. */
export function subscriptionEnd(id: string, serverInfo: string): Buffer {
  const meta = `"_meta":{"${META_SUBSCRIPTION}":${id},"${META_SERVER_INFO}":${serverInfo}}`;
  return Buffer.from(`{"jsonrpc":"2.0","id":${id},"result":{"resultType":"complete",${meta}}}`);
}

/** What the server can announce of what a client wants. */
function honoured(filter: Filter, link: ServerLink): Filter {
  const out: Record<string, unknown> = {};
  for (const key of Object.keys(LISTS) as ListKey[]) {
    if (filter[key] === true && link.offers([LISTS[key], "listChanged"])) out[key] = true;
  }
  const uris = filter.resourceSubscriptions;
  return uris !== undefined && link.offers(["resources", "subscribe"]) ? { ...out, resourceSubscriptions: uris } : out;
}
