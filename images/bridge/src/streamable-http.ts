import { ErrorCode, type Message } from "./envelope.ts";
import { eraOf } from "./era.ts";
import { type Exchange, header, lists, parseBody, readBody, sendAccepted, sendRefusal } from "./http.ts";
import { JsonReply } from "./json-reply.ts";
import type { Metrics } from "./metrics.ts";
import type { Options } from "./options.ts";
import { badRequest, overload, type Refusal, startRefusal } from "./refusal.ts";
import type { Registry } from "./registry.ts";
import type { ServerSource } from "./server-source.ts";
import type { Session } from "./session.ts";
import { countRequests } from "./session-limits.ts";
import type { Sessionless } from "./sessionless.ts";
import { traceOfHeaders } from "./trace-context.ts";
import {
  allowsBatch,
  isRevision,
  LATEST_SESSION_VERSION,
  primesStreams,
  SESSION_VERSIONS,
  SESSIONLESS_SINCE,
} from "./versions.ts";

const SESSION_HEADER = "mcp-session-id";
const VERSION_HEADER = "mcp-protocol-version";

export interface TransportContext {
  readonly options: Options;
  readonly registry: Registry;
  readonly source: Pick<ServerSource, "acquire">;
  readonly metrics: Metrics;
}

/**
 * Streamable HTTP with sessions: POST, GET and DELETE on `/mcp` (2025-03-26, 2025-06-18, 2025-11-25). Messages
 * of the sessionless era go on to where it is served.
 */
export class StreamableHttp {
  readonly #context: TransportContext;
  readonly #sessionless: Sessionless;

  constructor(context: TransportContext, sessionless: Sessionless) {
    this.#context = context;
    this.#sessionless = sessionless;
  }

  async handle(exchange: Exchange): Promise<void> {
    const { method, headers } = exchange.request;
    if (method === "POST") return this.#post(exchange);
    const version = header(exchange.request, VERSION_HEADER) ?? "";
    if (headers[SESSION_HEADER] === undefined && isRevision(version) && version >= SESSIONLESS_SINCE) {
      return this.#refuse(exchange, methodNotAllowed("POST", method));
    }
    if (method === "GET") return this.#get(exchange);
    if (method === "DELETE") return this.#delete(exchange);
    this.#refuse(exchange, methodNotAllowed("POST, GET, DELETE", method));
  }

  async #post(exchange: Exchange): Promise<void> {
    const { request } = exchange;
    const accept = header(request, "accept");
    if (!lists(accept, "application/json") || !lists(accept, "text/event-stream")) {
      return this.#refuse(exchange, notAcceptable("application/json, text/event-stream"));
    }
    if (!lists(header(request, "content-type"), "application/json")) {
      return this.#refuse(exchange, unsupportedMediaType());
    }
    const body = await readBody(request, this.#context.options.maxBodyBytes);
    if (!body.ok) return this.#refuse(exchange, body.refusal);
    const payload = parseBody(body.bytes);
    if (!payload.ok) return this.#refuse(exchange, badRequest(payload.message, payload.code));

    const { messages, batch } = payload;
    const [first] = messages;
    const id = !batch && first?.kind === "request" ? first.id : undefined;
    const version = header(request, VERSION_HEADER);
    const era = eraOf(version, first);
    if (era === "sessionless" && first !== undefined) {
      if (!batch) return this.#sessionless.handle(exchange, first);
      return this.#refuse(exchange, badRequest("this revision has no batches; send one message per POST"));
    }
    if (first?.method === "initialize" && !batch) return this.#initialize(exchange, first);

    const found = this.#session(exchange);
    if (!found.ok) return this.#refuse(exchange, found.refusal, id);
    const refusal = batchRefusal(batch, messages, found.session) ?? found.session.check(messages);
    if (refusal !== undefined) return this.#refuse(exchange, refusal, id);
    this.#relay(exchange, found.session, messages);
  }

  #relay({ request, response }: Exchange, session: Session, messages: readonly Message[]): void {
    const requests = countRequests(messages);
    if (requests === 0) {
      session.send(messages, session.streams.standalone);
      sendAccepted(response);
      return;
    }
    const primed = primesStreams(session.protocolVersion ?? LATEST_SESSION_VERSION);
    const stream = session.streams.open(requests, primed);
    stream.attach(response, { [SESSION_HEADER]: session.id });
    session.send(messages, stream, traceOfHeaders(request.headers));
  }

  async #initialize(exchange: Exchange, message: Message): Promise<void> {
    const { registry, source } = this.#context;
    const { request, response, principal } = exchange;
    if (message.kind !== "request") return this.#refuse(exchange, badRequest('"initialize" needs an "id"'));
    if (header(request, SESSION_HEADER) !== undefined) {
      const found = this.#session(exchange);
      const refusal = found.ok ? badRequest("this session is initialized already") : found.refusal;
      return this.#refuse(exchange, refusal, message.id);
    }
    if (!registry.makeRoom()) return this.#refuse(exchange, tooManySessions(this.#context.options), message.id);
    let session: Session;
    try {
      session = await registry.open((tag) => source.acquire({ principal, tag }), principal, "http");
    } catch (error) {
      return this.#refuse(exchange, startRefusal(error), message.id);
    }
    // Nobody else knows the session yet: if this client has gone, so has the session.
    response.once("close", () => {
      if (!response.writableFinished) void session.end("its client left before it was open");
    });
    if (response.destroyed) return void session.end("its client left before it was open");
    const reply = new JsonReply(response, (delivery) => {
      if (delivery === "result") response.setHeader(SESSION_HEADER, session.id);
      else queueMicrotask(() => void session.end("initialize failed"));
    });
    session.send([message], reply, traceOfHeaders(request.headers));
  }

  async #get(exchange: Exchange): Promise<void> {
    const { request, response } = exchange;
    if (!lists(header(request, "accept"), "text/event-stream")) {
      return this.#refuse(exchange, notAcceptable("text/event-stream"));
    }
    const found = this.#session(exchange);
    if (!found.ok) return this.#refuse(exchange, found.refusal);
    const { session } = found;
    const lastEventId = header(request, "last-event-id");
    session.touch();
    const headers = { [SESSION_HEADER]: session.id };
    if (lastEventId === undefined) return session.streams.standalone.attach(response, headers);
    const resumption = session.streams.find(lastEventId);
    if (resumption.kind === "unknown") {
      return this.#refuse(exchange, badRequest(`event "${lastEventId}" is not, or no longer, known in this session`));
    }
    if (resumption.kind === "over") {
      // The way to tell an event source that there is nothing to come back for (WHATWG HTML, 9.2.2).
      response.writeHead(204);
      response.end();
      return;
    }
    resumption.stream.attach(response, headers, resumption.seq);
  }

  async #delete(exchange: Exchange): Promise<void> {
    const found = this.#session(exchange);
    if (!found.ok) return this.#refuse(exchange, found.refusal);
    void found.session.end("the client ended the session");
    exchange.response.writeHead(200, { "content-length": 0 });
    exchange.response.end();
  }

  /** The session that a request names, after the checks that hold for every verb. */
  #session({ request, principal }: Exchange): { ok: true; session: Session } | { ok: false; refusal: Refusal } {
    const id = header(request, SESSION_HEADER);
    const version = header(request, VERSION_HEADER);
    const session = id === undefined ? undefined : this.#context.registry.find(id, principal, "http");
    if (version !== undefined && !SESSION_VERSIONS.includes(version) && version !== session?.protocolVersion) {
      return { ok: false, refusal: unsupportedVersion(version) };
    }
    if (id === undefined) {
      return {
        ok: false,
        refusal: badRequest("the Mcp-Session-Id header is missing; start with initialize", ErrorCode.server),
      };
    }
    if (session === undefined) return { ok: false, refusal: unknownSession() };
    return { ok: true, session };
  }

  #refuse({ response }: Exchange, refusal: Refusal, id: string | null = null): void {
    this.#context.metrics.fail(refusal.cause);
    sendRefusal(response, refusal, id);
  }
}

function batchRefusal(batch: boolean, messages: readonly Message[], session: Session): Refusal | undefined {
  if (!batch) return undefined;
  const version = session.protocolVersion ?? LATEST_SESSION_VERSION;
  if (!allowsBatch(version)) return badRequest(`${version} has no batches; send one message per POST`);
  if (messages.some((message) => message.method === "initialize")) {
    return badRequest("initialize must not be part of a batch");
  }
  return undefined;
}

export function unknownSession(): Refusal {
  const message = "Session not found: it has ended or never was; start a new one with initialize";
  return { status: 404, code: ErrorCode.session, message, cause: "unknown_session" };
}

export function methodNotAllowed(allowed: string, method: string | undefined): Refusal {
  const message = `${method} is not served here; use ${allowed}`;
  return { status: 405, code: ErrorCode.server, message, cause: "bad_request", headers: { allow: allowed } };
}

function notAcceptable(types: string): Refusal {
  const message = `Not Acceptable: the Accept header must list ${types}`;
  return { status: 406, code: ErrorCode.server, message, cause: "bad_request" };
}

export function unsupportedMediaType(): Refusal {
  const message = "Unsupported Media Type: Content-Type must be application/json";
  return { status: 415, code: ErrorCode.server, message, cause: "bad_request" };
}

export function tooManySessions(options: Options): Refusal {
  return overload(503, `over ${options.maxSessions} sessions (--max-sessions); end one or try again later`, 5_000);
}

/** HTTP 400 with what is served by session. */
function unsupportedVersion(requested: string): Refusal {
  return {
    status: 400,
    code: ErrorCode.unsupportedVersion,
    message: `Unsupported protocol version: ${requested}; supported: ${SESSION_VERSIONS.join(", ")}`,
    cause: "bad_request",
    data: { supported: SESSION_VERSIONS, requested },
  };
}
