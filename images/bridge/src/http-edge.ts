import type { IncomingMessage, ServerResponse } from "node:http";
import type { Auth } from "./auth.ts";
import type { AuthResult } from "./bearer.ts";
import { allowOrigin, answerPreflight } from "./cors.ts";
import { ErrorCode } from "./envelope.ts";
import type { HostGuard } from "./guard.ts";
import { type Exchange, header, sendRefusal } from "./http.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { overload, type Refusal } from "./refusal.ts";
import { headRefusal } from "./request-head.ts";
import { methodNotAllowed } from "./streamable-http.ts";

type Handler = (exchange: Exchange) => Promise<void> | void;

export interface Route {
  /** Holds what needs a token; health and metrics carry no secret. */
  readonly needsToken: boolean;
  readonly handle: Handler;
}

interface EdgeContext {
  readonly guard: HostGuard;
  readonly auth: Auth;
  /** By path. */
  readonly routes: ReadonlyMap<string, Route>;
  readonly metrics: Metrics;
  readonly log: Log;
}

/** Which HTTP requests reach a route: by head, Host and Origin, path, token, and whether the bridge still serves. */
export class HttpEdge {
  readonly #context: EdgeContext;
  /** Nothing new is taken any more where a token is needed. */
  draining = false;

  constructor(context: EdgeContext) {
    this.#context = context;
  }

  serve(request: IncomingMessage, response: ServerResponse): void {
    // A client that goes away in mid-answer is normal; its error has no other listener.
    response.on("error", ignore);
    try {
      this.#route(request, response)?.catch((error: unknown) => this.#failed(request, response, error));
    } catch (error) {
      this.#failed(request, response, error);
    }
  }

  #failed(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#context.metrics.fail("internal_error");
    this.#context.log("error", "internal_error", { path: pathOf(request), error: message });
    sendRefusal(response, {
      status: 500,
      code: ErrorCode.internal,
      message: "internal error of the bridge; its log has the cause",
      cause: "internal_error",
    });
  }

  /** A promise only where there is something to wait for. */
  #route(request: IncomingMessage, response: ServerResponse): Promise<void> | void {
    const forbidden = headRefusal(request) ?? this.#context.guard.check(request.headers);
    if (forbidden !== undefined) return this.#refuse(response, forbidden);
    const path = pathOf(request);
    const route = this.#context.routes.get(path);
    if (route === undefined) {
      const paths = [...this.#context.routes.keys()].join(", ");
      const message = `nothing is served here; paths: ${paths}`;
      return this.#refuse(response, { status: 404, code: ErrorCode.server, message, cause: "bad_request" });
    }
    if (request.headers.origin !== undefined) allowOrigin(response, request.headers.origin);
    if (request.method === "OPTIONS") return answerPreflight(response);
    const exchange = { request, response, url: request.url ?? "/" };
    if (route.needsToken) {
      const checked = this.#context.auth.check(header(request, "authorization"), path);
      if (checked instanceof Promise) return checked.then((auth) => this.#admit(route, exchange, auth));
      return this.#admit(route, exchange, checked);
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      return this.#refuse(response, methodNotAllowed("GET", request.method));
    }
    return route.handle({ ...exchange, principal: undefined });
  }

  #admit(route: Route, exchange: Omit<Exchange, "principal">, auth: AuthResult): Promise<void> | void {
    const { request, response, url } = exchange;
    // Its client left while the token was verified.
    if (response.destroyed) return;
    if (!auth.ok) return this.#refuse(response, auth.refusal);
    if (this.draining) {
      response.setHeader("connection", "close");
      return this.#refuse(response, overload(503, "the bridge is shutting down"));
    }
    return route.handle({ request, response, url, principal: auth.principal });
  }

  #refuse(response: ServerResponse, refusal: Refusal): void {
    this.#context.metrics.fail(refusal.cause);
    sendRefusal(response, refusal);
  }
}

function ignore(): void {}

function pathOf(request: IncomingMessage): string {
  const url = request.url ?? "/";
  const query = url.indexOf("?");
  const path = query < 0 ? url : url.slice(0, query);
  return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
}
