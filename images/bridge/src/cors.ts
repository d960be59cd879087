import type { ServerResponse } from "node:http";

/** For web pages whose origin the guard has let through. */
export function allowOrigin(response: ServerResponse, origin: string): void {
  response.setHeader("access-control-allow-origin", origin);
  response.setHeader("access-control-expose-headers", "Mcp-Session-Id, WWW-Authenticate, Retry-After");
  response.setHeader("vary", "Origin");
}

/** Answers `OPTIONS`: what such a page may send. */
export function answerPreflight(response: ServerResponse): void {
  response.writeHead(204, {
    allow: "GET, POST, DELETE, OPTIONS",
    "access-control-allow-methods": "GET, POST, DELETE",
    "access-control-allow-headers":
      "Authorization, Content-Type, Accept, Mcp-Session-Id, MCP-Protocol-Version, Mcp-Method, Mcp-Name, Last-Event-ID, Traceparent, Tracestate, Baggage",
    "access-control-max-age": "600",
  });
  response.end();
}
