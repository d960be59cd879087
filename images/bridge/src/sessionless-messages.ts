import { ErrorCode, errorMessage, type Message } from "./envelope.ts";
import { eachMember, findMember, findString, isObject, type Span } from "./json-spans.ts";
import { oneLine } from "./lines.ts";
import { stringParam } from "./rewrite.ts";
import {
  MCP_LOG_LEVELS,
  META_PREFIX,
  META_SERVER_INFO,
  META_SUBSCRIPTION,
  SESSIONLESS_VERSIONS,
} from "./sessionless-meta.ts";
import { URL_ELICITATION_REQUIRED } from "./url-elicitation.ts";

/**
 * The translation between a client of 2026-07-28 and a server of 2025: each function takes one message and gives
 * the bytes of its counterpart. Members are copied as they were written, so numbers and key order stay.
 */

const CACHE_FIELDS = '"ttlMs":0,"cacheScope":"private"';

/** The members of an object as slices `"key":value`, without those that `drop` names. */
export function members(bytes: Buffer, at: number, drop: (key: string) => boolean): Buffer[] {
  const kept: Buffer[] = [];
  eachMember(bytes, at, (key, keyStart, _valueStart, valueEnd) => {
    if (!drop(key)) kept.push(bytes.subarray(keyStart, valueEnd));
  });
  return kept;
}

export function objectOf(parts: readonly (Buffer | string)[]): Buffer {
  const pieces: Buffer[] = [Buffer.from("{")];
  parts.forEach((part, i) => {
    if (i > 0) pieces.push(Buffer.from(","));
    pieces.push(Buffer.from(part));
  });
  pieces.push(Buffer.from("}"));
  return Buffer.concat(pieces);
}

/** What belongs to the protocol of 2026-07-28 and not to the call. */
const ENVELOPE_PARAMS = new Set(["_meta", "inputResponses", "requestState"]);

/**
 * A client's request as its server gets it: another id, no `io.modelcontextprotocol/*`, and a progress token of
 * the bridge (raw text) in place of the client's.
 */
export function childRequest(message: Message, id: number, progressToken: string | undefined): Buffer {
  const { bytes, params, method = "" } = message;
  const parts: (Buffer | string)[] = [`"jsonrpc":"2.0"`, `"id":${id}`, `"method":${JSON.stringify(method)}`];
  const meta = params === undefined ? undefined : findMember(bytes, params.start, "_meta");
  const own =
    meta === undefined || !isObject(bytes, meta.start)
      ? []
      : members(bytes, meta.start, (key) => key.startsWith(META_PREFIX) || key === "progressToken");
  const metaParts: (Buffer | string)[] =
    progressToken === undefined ? own : [...own, `"progressToken":${progressToken}`];
  const rest: (Buffer | string)[] =
    params === undefined ? [] : members(bytes, params.start, (key) => ENVELOPE_PARAMS.has(key));
  if (metaParts.length > 0) rest.push(Buffer.concat([Buffer.from('"_meta":'), objectOf(metaParts)]));
  if (rest.length > 0) parts.push(Buffer.concat([Buffer.from('"params":'), objectOf(rest)]));
  return oneLine(objectOf(parts));
}

const RESULT_FIELDS = new Set(["resultType", "ttlMs", "cacheScope", "_meta"]);

/** A server's result for its client: `resultType`, cache fields where they belong, and who answered. */
export function completeResult(
  message: Message,
  id: string,
  more: { readonly cacheable: boolean; readonly serverInfo: string },
): Buffer {
  const { bytes, result } = message;
  const object = result !== undefined && isObject(bytes, result.start) ? result : undefined;
  const meta = object === undefined ? undefined : findMember(bytes, object.start, "_meta");
  const parts: (Buffer | string)[] = [`"resultType":"complete"`];
  if (more.cacheable) parts.push(CACHE_FIELDS);
  parts.push(resultMeta(bytes, meta, more.serverInfo));
  if (object !== undefined) parts.push(...members(bytes, object.start, (key) => RESULT_FIELDS.has(key)));
  return answer(id, objectOf(parts));
}

export function answer(id: string, result: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`{"jsonrpc":"2.0","id":${id},"result":`), result, Buffer.from("}")]);
}

function resultMeta(bytes: Buffer, meta: Span | undefined, serverInfo: string): Buffer {
  const own =
    meta === undefined || !isObject(bytes, meta.start)
      ? []
      : members(bytes, meta.start, (key) => key === META_SERVER_INFO);
  return Buffer.concat([Buffer.from('"_meta":'), objectOf([...own, `"${META_SERVER_INFO}":${serverInfo}`])]);
}

/** `server/discover`, from the server's answer to `initialize`. Tasks of 2025-11-25 are another feature since. */
export function discoverResult(initialize: Message, id: string, serverInfo: string): Buffer {
  const { bytes, result } = initialize;
  const at = result?.start ?? 0;
  const capabilities = findMember(bytes, at, "capabilities");
  const instructions = findString(bytes, at, ["instructions"]);
  const kept =
    capabilities === undefined || !isObject(bytes, capabilities.start)
      ? []
      : members(bytes, capabilities.start, (key) => key === "tasks");
  const parts: (Buffer | string)[] = [
    `"resultType":"complete"`,
    `"supportedVersions":${JSON.stringify(SESSIONLESS_VERSIONS)}`,
    Buffer.concat([Buffer.from('"capabilities":'), objectOf(kept)]),
    CACHE_FIELDS,
  ];
  if (instructions !== undefined) parts.push(`"instructions":${JSON.stringify(instructions)}`);
  parts.push(resultMeta(bytes, undefined, serverInfo));
  return answer(id, objectOf(parts));
}

/** The resource that `resources/read` asks for, which errors of 2026-07-28 name. */
export function requestedUri(message: Message): string | undefined {
  return message.method === "resources/read" ? stringParam(message, "uri") : undefined;
}

/** A server's error for its client, and the HTTP status it is given with. */
export function translatedError(
  message: Message,
  id: string,
  uri: string | undefined,
): { status: number; body: Buffer } {
  const { bytes, error } = message;
  const at = error?.start ?? 0;
  const code = findMember(bytes, at, "code");
  const number = code === undefined ? ErrorCode.internal : Number(bytes.toString("latin1", code.start, code.end));
  const text = findString(bytes, at, ["message"]) ?? "the server gave no message";
  const data = findMember(bytes, at, "data");
  const own = data === undefined ? undefined : parsed(bytes.toString("utf8", data.start, data.end));
  const known = errorCode(number);
  const named = uri !== undefined && known === ErrorCode.invalidParams ? withUri(own, uri) : own;
  const body = errorMessage(id, Number.isInteger(known) ? known : ErrorCode.internal, text, named);
  return { status: known === ErrorCode.methodNotFound ? 404 : 200, body };
}

/** A server's JSON is checked nowhere else; what is none is left out. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** -32002 is -32602 since 2026-07-28; -32042 is none (see `url-elicitation.ts` for what becomes of it). */
function errorCode(code: number): number {
  if (code === -32002) return ErrorCode.invalidParams;
  return code === URL_ELICITATION_REQUIRED ? ErrorCode.internal : code;
}

function withUri(data: unknown, uri: string): unknown {
  if (data === undefined || data === null) return { uri };
  return typeof data === "object" && !Array.isArray(data) ? { uri, ...data } : data;
}

/** A notification with another progress token (raw text). */
export function withProgressToken(message: Message, token: string): Buffer {
  const { bytes, params, method = "" } = message;
  const rest = params === undefined ? [] : members(bytes, params.start, (key) => key === "progressToken");
  return notification(method, objectOf([`"progressToken":${token}`, ...rest]));
}

/** A notification as it goes out on a subscription. @param id the listening request's id, as raw text. */
export function withSubscription(message: Message, id: string): Buffer {
  const { bytes, params, method = "" } = message;
  const meta = params === undefined ? undefined : findMember(bytes, params.start, "_meta");
  const own =
    meta === undefined || !isObject(bytes, meta.start)
      ? []
      : members(bytes, meta.start, (key) => key === META_SUBSCRIPTION);
  const rest = params === undefined ? [] : members(bytes, params.start, (key) => key === "_meta");
  const tagged = Buffer.concat([Buffer.from('"_meta":'), objectOf([...own, `"${META_SUBSCRIPTION}":${id}`])]);
  return notification(method, objectOf([...rest, tagged]));
}

export function notification(method: string, params: Buffer | string): Buffer {
  const head = `{"jsonrpc":"2.0","method":${JSON.stringify(method)},"params":`;
  return Buffer.concat([Buffer.from(head), Buffer.from(params), Buffer.from("}")]);
}

/** What a call still needs of its client. */
export interface InputRequest {
  readonly key: string;
  readonly message: Message;
}

/** `input_required` with everything that the server asks, word for word. */
export function inputRequired(id: string, asks: readonly InputRequest[], state: string, serverInfo: string): Buffer {
  const requests = asks.map(({ key, message: { bytes, method = "", params } }) =>
    Buffer.concat([
      Buffer.from(`${JSON.stringify(key)}:{"method":${JSON.stringify(method)},"params":`),
      params === undefined ? Buffer.from("{}") : bytes.subarray(params.start, params.end),
      Buffer.from("}"),
    ]),
  );
  const parts: (Buffer | string)[] = [
    `"resultType":"input_required"`,
    Buffer.concat([Buffer.from('"inputRequests":'), objectOf(requests)]),
    `"requestState":${JSON.stringify(state)}`,
    resultMeta(Buffer.alloc(0), undefined, serverInfo),
  ];
  return answer(id, objectOf(parts));
}

/** The members of the object at `at` that are objects themselves, as raw text. */
export function rawObjects(bytes: Buffer, at: number | undefined): ReadonlyMap<string, string> {
  if (at === undefined) return new Map();
  const found = new Map<string, string>();
  eachMember(bytes, at, (key, _keyStart, start, end) => {
    if (isObject(bytes, start)) found.set(key, bytes.toString("utf8", start, end).replaceAll(/[\r\n]/g, " "));
  });
  return found;
}

/** Whether a log of the server is of the level that a client `wanted`, or a graver one. */
export function isLoggedAt(wanted: string, message: Message): boolean {
  const level = stringParam(message, "level") ?? "";
  return message.params !== undefined && MCP_LOG_LEVELS.indexOf(level) >= MCP_LOG_LEVELS.indexOf(wanted);
}
