import { isUtf8 } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import { ErrorCode, errorMessage, type Payload, readPayload } from "./envelope.ts";
import { badRequest, type Refusal } from "./refusal.ts";

/** One HTTP exchange, as the handlers of an era get it. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  /** Digest of the caller's token; undefined where auth is off. */
  readonly principal: string | undefined;
}

export function sendJson(response: ServerResponse, status: number, body: Buffer | string): void {
  const bytes = Buffer.from(body);
  response.writeHead(status, { "content-type": "application/json", "content-length": bytes.length });
  response.end(bytes);
}

/** Says no as a JSON-RPC error, so that both people and clients can read it. */
export function sendRefusal(response: ServerResponse, refusal: Refusal, id: string | null = null): void {
  if (response.headersSent) return;
  for (const [name, value] of Object.entries(refusal.headers ?? {})) response.setHeader(name, value);
  sendJson(response, refusal.status, errorMessage(id, refusal.code, refusal.message, refusal.data));
}

/** 202 without a body: notifications and responses are taken, nothing follows. */
export function sendAccepted(response: ServerResponse): void {
  response.writeHead(202, { "content-length": 0 });
  response.end();
}

export type Body = { readonly ok: true; readonly bytes: Buffer } | { readonly ok: false; readonly refusal: Refusal };

/** Reads a body up to `limit` bytes; over it the rest is read and thrown away, so that the client sees the answer. */
export function readBody(request: IncomingMessage, limit: number): Promise<Body> {
  return new Promise((resolve) => {
    const tooLarge = (): void => {
      request.removeAllListeners("data");
      request.resume();
      const message = `the body is over ${limit} bytes (--max-body-bytes, MCP_MAX_BODY_BYTES)`;
      const refusal: Refusal = {
        status: 413,
        code: ErrorCode.server,
        message,
        cause: "oversized_body",
        headers: { connection: "close" },
      };
      resolve({ ok: false, refusal });
    };
    if (Number(request.headers["content-length"] ?? 0) > limit) {
      tooLarge();
      return;
    }
    const chunks: Buffer[] = [];
    let length = 0;
    request.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length > limit) tooLarge();
      else chunks.push(chunk);
    });
    request.on("end", () =>
      resolve({ ok: true, bytes: chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks) }),
    );
    request.on("error", () => resolve({ ok: false, refusal: badRequest("the body did not arrive") }));
  });
}

/** Checks that a client's body is JSON in UTF-8 and cuts it into messages. */
export function parseBody(bytes: Buffer): Payload {
  const fault = jsonFault(bytes);
  return fault === undefined ? readPayload(bytes) : { ok: false, code: ErrorCode.parse, message: fault };
}

function jsonFault(bytes: Buffer): string | undefined {
  if (!isUtf8(bytes)) return "the body is not valid UTF-8";
  try {
    JSON.parse(bytes.toString("utf8"));
    return undefined;
  } catch (error) {
    return `the body is not valid JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** True if `header` lists the media type itself. */
export function lists(header: string | undefined, mediaType: string): boolean {
  return (header ?? "").split(",").some((part) => part.split(";")[0]?.trim().toLowerCase() === mediaType);
}

/** A single-valued header; repeated ones are joined as Node does. */
export function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
}
