import { isUtf8 } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import { ErrorCode, errorMessage, type Payload, readPayload } from "./envelope.ts";
import { isJson } from "./json-check.ts";
import { badRequest, type Refusal } from "./refusal.ts";

/** One HTTP exchange, as the handlers of an era get it. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Path and query, as they came. */
  readonly url: string;
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

/** How long a body that is refused may still arrive before its sender is cut off. */
const DISCARD_MS = 2_000;

/** What has arrived of a body. Where its length is known it is put together as it comes, not once more at the end. */
class Chunks {
  readonly #declared: number;
  #parts: Buffer[] = [];
  #whole: Buffer | undefined;
  #filled = 0;

  constructor(declared: number) {
    this.#declared = declared;
  }

  push(chunk: Buffer): void {
    // Most bodies come in one piece, which is then used as it is.
    if (this.#filled === 0 && chunk.length < this.#declared) this.#whole = Buffer.allocUnsafeSlow(this.#declared);
    if (this.#whole === undefined) this.#parts.push(chunk);
    else this.#whole.set(chunk, this.#filled);
    this.#filled += chunk.length;
  }

  clear(): void {
    this.#parts = [];
    this.#whole = undefined;
  }

  join(): Buffer {
    if (this.#whole !== undefined) return this.#whole;
    const [only] = this.#parts;
    return this.#parts.length === 1 && only !== undefined ? only : Buffer.concat(this.#parts);
  }
}

/**
 * Reads a body up to `limit` bytes. The rest of a longer one is thrown away before the answer is given, for a
 * client that is still writing would see a broken connection instead of the answer.
 */
export function readBody(request: IncomingMessage, limit: number): Promise<Body> {
  return new Promise((resolve) => {
    const declared = Number(request.headers["content-length"] ?? 0);
    const chunks = new Chunks(declared);
    let length = 0;
    let discard: NodeJS.Timeout | undefined;
    const done = (body: Body): void => {
      clearTimeout(discard);
      resolve(body);
    };
    const tooLarge = (): void => {
      if (discard !== undefined) return;
      chunks.clear();
      discard = setTimeout(done, DISCARD_MS, { ok: false, refusal: oversized(limit, { connection: "close" }) });
    };
    if (declared > limit) tooLarge();
    request.on("data", (chunk: Buffer) => {
      length += chunk.length;
      if (length > limit) tooLarge();
      else chunks.push(chunk);
    });
    request.on("end", () => {
      if (discard !== undefined) done({ ok: false, refusal: oversized(limit) });
      else done({ ok: true, bytes: chunks.join() });
    });
    request.on("error", () => done({ ok: false, refusal: badRequest("the body did not arrive") }));
  });
}

function oversized(limit: number, headers: Readonly<Record<string, string>> = {}): Refusal {
  const message = `the body is over ${limit} bytes (--max-body-bytes, MCP_MAX_BODY_BYTES)`;
  return { status: 413, code: ErrorCode.server, message, cause: "oversized_body", headers };
}

/** Checks that a client's body is JSON in UTF-8 and cuts it into messages. */
export function parseBody(bytes: Buffer): Payload {
  const fault = jsonFault(bytes);
  return fault === undefined ? readPayload(bytes) : { ok: false, code: ErrorCode.parse, message: fault };
}

function jsonFault(bytes: Buffer): string | undefined {
  if (!isUtf8(bytes)) return "the body is not valid UTF-8";
  if (isJson(bytes)) return undefined;
  try {
    // Only to say what is wrong and where.
    JSON.parse(bytes.toString("utf8"));
    return undefined;
  } catch (error) {
    return `the body is not valid JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** True if `header` lists the media type itself. */
export function lists(header: string | undefined, mediaType: string): boolean {
  if (header === undefined) return false;
  // Clients send the same few headers all the time.
  const known = listed.get(header);
  if (known !== undefined) return known.includes(mediaType);
  const types = header.split(",").map((part) => part.split(";")[0]?.trim().toLowerCase() ?? "");
  if (listed.size >= MAX_LISTED) listed.clear();
  listed.set(header, types);
  return types.includes(mediaType);
}

const MAX_LISTED = 64;
const listed = new Map<string, readonly string[]>();

/** A single-valued header; repeated ones are joined as Node does. */
export function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
}
