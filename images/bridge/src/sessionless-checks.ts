import type { IncomingHttpHeaders } from "node:http";
import { ErrorCode, type Message, paramOf } from "./envelope.ts";
import { findMember, findString, isObject, isString, readString, type Span } from "./json-spans.ts";
import { badRequest, type Refusal } from "./refusal.ts";
import { requestedProgress } from "./rewrite.ts";
import {
  MCP_LOG_LEVELS,
  META_CAPABILITIES,
  META_LOG_LEVEL,
  META_VERSION,
  NAME_PARAM,
  SESSIONLESS_METHODS,
  SESSIONLESS_VERSIONS,
} from "./sessionless-meta.ts";
import { type TraceCarrier, traceOfHeaders } from "./trace-context.ts";

/** A request of the sessionless era that has passed every check. */
export interface SessionlessRequest {
  readonly message: Message;
  /** The id as the client wrote it. */
  readonly id: string;
  readonly method: string;
  /** What the client declares in this very request. */
  readonly capabilities: Readonly<Record<string, unknown>>;
  /** Logs wanted, at least of this level; undefined for none. */
  readonly logLevel: string | undefined;
  /** Raw text of its progress token. */
  readonly progressToken: string | undefined;
  /** What its headers say of the trace that it is part of. */
  readonly trace: TraceCarrier | undefined;
}

export type Checked =
  | { readonly ok: true; readonly request: SessionlessRequest }
  | { readonly ok: false; readonly refusal: Refusal };

const refuse = (refusal: Refusal): Checked => ({ ok: false, refusal });
const invalid = (message: string): Checked => refuse(badRequest(message, ErrorCode.invalidParams));

/** All that 2026-07-28 asks of one request before a server sees it: `_meta`, headers, version, method. */
export function checkSessionless(headers: IncomingHttpHeaders, message: Message): Checked {
  const { id, method = "", bytes } = message;
  if (message.kind !== "request" || id === undefined) {
    return refuse(badRequest("only requests and notifications can be sent; answers go into `inputResponses`"));
  }
  const meta = metaOf(message);
  if (meta === undefined) return invalid('"params._meta" is missing; every request carries its version there');
  const version = findString(bytes, meta.start, [META_VERSION]);
  if (version === undefined) return invalid(`"params._meta" has no string "${META_VERSION}"`);
  const declared = findMember(bytes, meta.start, META_CAPABILITIES);
  if (declared === undefined || !isObject(bytes, declared.start)) {
    return invalid(`"params._meta" has no object "${META_CAPABILITIES}"; {} if there are none`);
  }
  const refusal =
    mismatch(headers, "mcp-protocol-version", version) ??
    (SESSIONLESS_VERSIONS.includes(version) ? undefined : unsupportedSessionless(version)) ??
    mismatch(headers, "mcp-method", method) ??
    unknownMethod(method) ??
    nameMismatch(headers, message);
  if (refusal !== undefined) return refuse(refusal);
  const level = findMember(bytes, meta.start, META_LOG_LEVEL);
  const logLevel = level === undefined ? undefined : findString(bytes, meta.start, [META_LOG_LEVEL]);
  if (level !== undefined && !MCP_LOG_LEVELS.includes(logLevel ?? "")) {
    return invalid(`"${META_LOG_LEVEL}" must be one of ${MCP_LOG_LEVELS.join(", ")}`);
  }
  const capabilities = JSON.parse(bytes.toString("utf8", declared.start, declared.end)) as Record<string, unknown>;
  const progressToken = requestedProgress(message);
  const trace = traceOfHeaders(headers);
  return { ok: true, request: { message, id, method, capabilities, logLevel, progressToken, trace } };
}

function metaOf(message: Message): Span | undefined {
  const meta = paramOf(message, "_meta");
  return meta !== undefined && isObject(message.bytes, meta.start) ? meta : undefined;
}

/** HTTP 400 with -32022 and `data {supported, requested}` (2026-07-28, versioning). */
function unsupportedSessionless(requested: string): Refusal {
  return {
    status: 400,
    code: ErrorCode.unsupportedVersion,
    message: `Unsupported protocol version: ${requested}; supported: ${SESSIONLESS_VERSIONS.join(", ")}`,
    cause: "bad_request",
    data: { supported: SESSIONLESS_VERSIONS, requested },
  };
}

function unknownMethod(method: string): Refusal | undefined {
  if (SESSIONLESS_METHODS.has(method)) return undefined;
  const message = `Method not found: ${method}`;
  return { status: 404, code: ErrorCode.methodNotFound, message, cause: "bad_request" };
}

function headerMismatch(message: string): Refusal {
  return badRequest(message, ErrorCode.headerMismatch);
}

/** A header that repeats what the body says, for proxies that route by it: both must say the same. */
function mismatch(headers: IncomingHttpHeaders, name: string, expected: string): Refusal | undefined {
  const value = headers[name];
  if (value === undefined) return headerMismatch(`the ${name} header is missing; the body says "${expected}"`);
  if (value === expected) return undefined;
  return headerMismatch(`the ${name} header says "${value}", the body "${expected}"`);
}

function nameMismatch(headers: IncomingHttpHeaders, message: Message): Refusal | undefined {
  const { bytes, method = "" } = message;
  const param = NAME_PARAM[method];
  const span = param === undefined ? undefined : paramOf(message, param);
  // Without the parameter there is nothing to repeat; the server says what is wrong with that.
  if (span === undefined || !isString(bytes, span.start)) return undefined;
  const expected = readString(bytes, span.start, span.end);
  const written = headers["mcp-name"];
  if (written === undefined) return headerMismatch(`the mcp-name header is missing; the body says "${expected}"`);
  const value = decodeHeaderValue(String(written));
  if (value === expected) return undefined;
  return headerMismatch(`the mcp-name header says "${value ?? written}", the body "${expected}"`);
}

/** `=?base64?…?=` is UTF-8 in base64, anything else itself; undefined for base64 that is none. */
export function decodeHeaderValue(value: string): string | undefined {
  const encoded = /^=\?base64\?(.*)\?=$/.exec(value)?.[1];
  if (encoded === undefined) return value;
  const bytes = Buffer.from(encoded, "base64");
  // Node decodes what it can; only what encodes back to the same was valid.
  return bytes.toString("base64") === encoded ? bytes.toString("utf8") : undefined;
}
