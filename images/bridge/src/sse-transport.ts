import { ErrorCode, type Message } from "./envelope.ts";
import { type Exchange, header, lists, parseBody, readBody, sendAccepted, sendRefusal } from "./http.ts";
import { badRequest, type Refusal, startRefusal } from "./refusal.ts";
import type { Session } from "./session.ts";
import {
  methodNotAllowed,
  type TransportContext,
  tooManySessions,
  unknownSession,
  unsupportedMediaType,
} from "./streamable-http.ts";
import { traceOfHeaders } from "./trace-context.ts";
import { allowsBatch } from "./versions.ts";

/** HTTP with SSE (2024-11-05): one stream per session on `/sse`, messages to `/messages?sessionId=…`. */
export class SseTransport {
  readonly #context: TransportContext;

  constructor(context: TransportContext) {
    this.#context = context;
  }

  /** `GET /sse`: opens a session that lives as long as the stream. */
  async stream(exchange: Exchange): Promise<void> {
    const { registry, source, options } = this.#context;
    const { request, response, principal } = exchange;
    if (request.method !== "GET") return this.#refuse(exchange, methodNotAllowed("GET", request.method));
    if (!registry.makeRoom()) return this.#refuse(exchange, tooManySessions(options));
    let session: Session;
    try {
      session = await registry.open((tag) => source.acquire({ principal, tag }), principal, "sse");
    } catch (error) {
      return this.#refuse(exchange, startRefusal(error));
    }
    if (response.destroyed) return void session.end("its client left before it was open");
    response.once("close", () => void session.end("the client closed its stream"));
    const { standalone } = session.streams;
    standalone.attach(response);
    standalone.greet(
      `event: endpoint\ndata: ${messagesPath(header(request, "x-forwarded-prefix"))}?sessionId=${session.id}\n\n`,
    );
  }

  /** `POST /messages?sessionId=…`: 202; what there is to answer comes on the stream. */
  async message(exchange: Exchange): Promise<void> {
    const { registry, options } = this.#context;
    const { request, response, url, principal } = exchange;
    if (request.method !== "POST") return this.#refuse(exchange, methodNotAllowed("POST", request.method));
    const id = new URL(url, "http://bridge").searchParams.get("sessionId");
    if (id === null) return this.#refuse(exchange, badRequest("the sessionId parameter is missing", ErrorCode.server));
    const session = registry.find(id, principal, "sse");
    if (session === undefined) return this.#refuse(exchange, unknownSession());
    if (!lists(header(request, "content-type"), "application/json")) {
      return this.#refuse(exchange, unsupportedMediaType());
    }
    const body = await readBody(request, options.maxBodyBytes);
    if (!body.ok) return this.#refuse(exchange, body.refusal);
    const payload = parseBody(body.bytes);
    if (!payload.ok) return this.#refuse(exchange, badRequest(payload.message, payload.code));
    const refusal = this.#refusal(payload.batch, payload.messages, session);
    const [first] = payload.messages;
    if (refusal !== undefined) return this.#refuse(exchange, refusal, payload.batch ? null : (first?.id ?? null));
    // First the 202: an answer on the stream never overtakes it on the server's side.
    sendAccepted(response);
    session.send(payload.messages, session.streams.standalone, traceOfHeaders(request.headers));
  }

  #refusal(batch: boolean, messages: readonly Message[], session: Session): Refusal | undefined {
    if (session.ended) return unknownSession();
    const version = session.protocolVersion ?? "2024-11-05";
    if (batch && !allowsBatch(version)) return badRequest(`${version} has no batches; send one message per POST`);
    return session.check(messages);
  }

  #refuse({ response }: Exchange, refusal: Refusal, id: string | null = null): void {
    this.#context.metrics.fail(refusal.cause);
    sendRefusal(response, refusal, id);
  }
}

/** Path of `/messages` as the client must call it, behind a proxy that strips `prefix`. */
export function messagesPath(prefix: string | undefined): string {
  const first = (prefix ?? "").split(",")[0]?.trim().replace(/\/+$/, "") ?? "";
  // Only a plain absolute path: `//host` or a scheme would send the client elsewhere.
  return /^(?:\/[\w.~%@:+-]+)+$/.test(first) && !first.includes("..") ? `${first}/messages` : "/messages";
}
