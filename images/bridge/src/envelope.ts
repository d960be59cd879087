import {
  eachElement,
  isArray,
  isObject,
  isString,
  keyIs,
  readString,
  type Span,
  skipSpace,
  walkMembers,
} from "./json-spans.ts";

/**
 * The envelope of one JSON-RPC message, beside its bytes, which are what is relayed.
 * JSON-RPC 2.0, sections 4 and 5; MCP narrows ids to strings and numbers.
 */
export interface Message {
  readonly bytes: Buffer;
  readonly kind: "request" | "notification" | "response";
  /** The id's own bytes as text (`7`, `"a"`, `12345678901234567890`); undefined for notifications. */
  readonly id?: string | undefined;
  /** Where the id is in `bytes`. */
  readonly idSpan?: Span | undefined;
  /** Requests and notifications only. */
  readonly method?: string | undefined;
  readonly params?: Span | undefined;
  /** See `paramsOf`. */
  paramList?: readonly Param[] | undefined;
  readonly result?: Span | undefined;
  readonly error?: Span | undefined;
}

/** One member of `params`: the span of its value, and where its key is, quotes included. */
export interface Param extends Span {
  readonly keyStart: number;
  readonly keyEnd: number;
}

/** The members of `params` in order; walked once, however many ask. */
export function paramsOf(message: Message): readonly Param[] {
  if (message.paramList === undefined) {
    const found: Param[] = [];
    const { bytes, params } = message;
    if (params !== undefined) {
      walkMembers(bytes, params.start, (keyStart, keyEnd, start, end) => {
        found.push({ keyStart, keyEnd, start, end });
      });
    }
    message.paramList = found;
  }
  return message.paramList;
}

/** The last member of `params` called `key`, which is the one that parsers keep. */
export function paramOf(message: Message, key: string): Span | undefined {
  const params = paramsOf(message);
  for (let i = params.length - 1; i >= 0; i--) {
    const param = params[i];
    if (param !== undefined && keyIs(message.bytes, param.keyStart, param.keyEnd, key)) return param;
  }
  return undefined;
}

/** JSON-RPC error codes that the bridge itself answers with. */
export const ErrorCode = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  /** Of the bridge: refused, over a cap, or the server is gone. */
  server: -32000,
  /** Unknown session, and (as in the SDKs) request timeout. */
  session: -32001,
  timeout: -32001,
  /** 2026-07-28: a header is missing, or says something else than the body. */
  headerMismatch: -32020,
  /** 2026-07-28: MissingRequiredClientCapabilityError. */
  missingCapability: -32021,
  /** 2026-07-28: UnsupportedProtocolVersionError. */
  unsupportedVersion: -32022,
} as const;

export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly message: string };

/** Where the members of an envelope are. */
interface Envelope {
  jsonrpc: Span | undefined;
  id: Span | undefined;
  method: Span | undefined;
  params: Span | undefined;
  result: Span | undefined;
  error: Span | undefined;
}

const MEMBERS = ["jsonrpc", "id", "method", "params", "result", "error"] as const;

/** Reads the envelope of the object in `bytes`; says what is wrong if it is not a JSON-RPC message. */
export function readMessage(bytes: Buffer): Parsed<Message> {
  const start = skipSpace(bytes, 0);
  if (!isObject(bytes, start)) return { ok: false, message: "a message must be a JSON object" };
  const found: Envelope = {
    jsonrpc: undefined,
    id: undefined,
    method: undefined,
    params: undefined,
    result: undefined,
    error: undefined,
  };
  let duplicate: string | undefined;
  const end = walkMembers(bytes, start, (keyStart, keyEnd, valueStart, valueEnd) => {
    for (const name of MEMBERS) {
      if (!keyIs(bytes, keyStart, keyEnd, name)) continue;
      if (found[name] !== undefined) duplicate = name;
      found[name] = { start: valueStart, end: valueEnd };
      return;
    }
  });
  if (end < 0 || skipSpace(bytes, end) < bytes.length) return { ok: false, message: "not one complete JSON object" };
  // Parsers differ in which one they keep: what was checked here might not be what the server runs.
  if (duplicate !== undefined) return { ok: false, message: `"${duplicate}" is given twice` };
  return classify(bytes, found);
}

function classify(bytes: Buffer, { jsonrpc, id, method, params, result, error }: Envelope): Parsed<Message> {
  if (jsonrpc === undefined || !keyIs(bytes, jsonrpc.start, jsonrpc.end, "2.0") || !isString(bytes, jsonrpc.start)) {
    return { ok: false, message: '"jsonrpc" must be "2.0"' };
  }
  if (method !== undefined) {
    if (!isString(bytes, method.start)) return { ok: false, message: '"method" must be a string' };
    if (params !== undefined && !isObject(bytes, params.start)) {
      return { ok: false, message: '"params" must be an object' };
    }
    if (id !== undefined && !isId(bytes, id)) return { ok: false, message: '"id" must be a string or a number' };
    const name = readString(bytes, method.start, method.end);
    return message(bytes, id === undefined ? "notification" : "request", { id, name, params });
  }
  if (id === undefined || (result === undefined) === (error === undefined)) {
    return { ok: false, message: 'a message needs "method", or "id" with either "result" or "error"' };
  }
  // A response to something unreadable may carry the id null (JSON-RPC 2.0, 5).
  if (!isId(bytes, id) && text(bytes, id) !== "null")
    return { ok: false, message: '"id" must be a string or a number' };
  return message(bytes, "response", { id, result, error });
}

/** All messages have the same members, for which JavaScript has to look but once. */
function message(
  bytes: Buffer,
  kind: Message["kind"],
  {
    id,
    name,
    params,
    result,
    error,
  }: Partial<Record<"id" | "params" | "result" | "error", Span | undefined>> & {
    readonly name?: string;
  },
): Parsed<Message> {
  const idText = id === undefined ? undefined : text(bytes, id);
  const parts = { bytes, kind, id: idText, idSpan: id, method: name, params, paramList: undefined, result, error };
  return { ok: true, value: parts };
}

function isId(bytes: Buffer, span: Span): boolean {
  const first = bytes[span.start] ?? 0;
  return isString(bytes, span.start) || first === 0x2d || (first >= 0x30 && first <= 0x39);
}

function text(bytes: Buffer, span: Span): string {
  return bytes.toString("utf8", span.start, span.end);
}

/** A message or a batch, cut into its elements. */
export type Payload =
  | { readonly ok: true; readonly batch: boolean; readonly messages: readonly Message[] }
  | { readonly ok: false; readonly code: number; readonly message: string };

/** Cuts one line or body into messages; every element of a batch must be a valid message. */
export function readPayload(bytes: Buffer): Payload {
  const start = skipSpace(bytes, 0);
  if (!isArray(bytes, start)) {
    const single = readMessage(bytes);
    if (single.ok) return { ok: true, batch: false, messages: [single.value] };
    return { ok: false, code: ErrorCode.invalidRequest, message: single.message };
  }
  const messages: Message[] = [];
  let fault: string | undefined;
  const end = eachElement(bytes, start, (from, to) => {
    const element = readMessage(bytes.subarray(from, to));
    if (element.ok) messages.push(element.value);
    else fault ??= element.message;
  });
  if (end < 0) fault = "not one complete JSON array";
  else if (messages.length === 0) fault ??= "a batch must not be empty";
  if (fault !== undefined) return { ok: false, code: ErrorCode.invalidRequest, message: fault };
  return { ok: true, batch: true, messages };
}

/**
 * Equal for ids that a JSON parser reads as equal: `"a"` and `"\u0061"`; `1` and `1.0`.
 * Integers too large for a double keep all their digits, so that two of them never meet.
 */
export function idKey(id: string): string {
  if (id.startsWith('"')) return id.includes("\\") ? `"${JSON.parse(id) as string}"` : id;
  return /^-?\d+$/.test(id) ? id : String(Number(id));
}

/** A JSON-RPC error message with `id` as it was written, ready to send. */
export function errorMessage(id: string | null, code: number, message: string, data?: unknown): Buffer {
  const error = JSON.stringify(data === undefined ? { code, message } : { code, message, data });
  return Buffer.from(`{"jsonrpc":"2.0","id":${id ?? "null"},"error":${error}}`);
}
