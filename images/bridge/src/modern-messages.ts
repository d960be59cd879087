import { ErrorCode, errorMessage, type Message, readMessage } from "./envelope.ts";
import {
  eachElement,
  eachMember,
  findMember,
  findPath,
  findString,
  isArray,
  isObject,
  isString,
  readString,
  type Span,
} from "./json-spans.ts";
import { oneLine } from "./lines.ts";
import { removeMember, replaceValue } from "./rewrite.ts";
import { answer, members, objectOf } from "./sessionless-messages.ts";
import {
  META_CAPABILITIES,
  META_CLIENT_INFO,
  META_LOG_LEVEL,
  META_PREFIX,
  META_SERVER_INFO,
  META_SUBSCRIPTION,
  META_VERSION,
  SESSIONLESS_VERSIONS,
} from "./sessionless-meta.ts";

/**
 * The translation between a client of a session era and a server that only knows 2026-07-28: each function takes
 * one message and gives the bytes of its counterpart. Members are copied as they were written.
 */

type Part = Buffer | string;

/** The version to speak with a server that answered `server/discover`; undefined if there is none. */
export function discoveredVersion({ bytes, result }: Message): string | undefined {
  const versions = result && findMember(bytes, result.start, "supportedVersions");
  if (versions === undefined || !isArray(bytes, versions.start)) return undefined;
  const served: string[] = [];
  eachElement(bytes, versions.start, (start, end) => {
    const version = isString(bytes, start) ? readString(bytes, start, end) : "";
    if (SESSIONLESS_VERSIONS.includes(version)) served.push(version);
  });
  return served.sort().at(-1);
}

/** What a client says of itself once in `initialize`, and since 2026-07-28 in every request. */
export interface ClientFacts {
  /** JSON text. */
  readonly capabilities: string;
  /** JSON text; undefined if it did not say. */
  readonly info: string | undefined;
}

/** Tasks of 2025-11-25 are another feature since; roots do not announce changes any more. */
export function clientFacts({ bytes, params }: Message): ClientFacts {
  const at = params?.start ?? bytes.length;
  const declared = findMember(bytes, at, "capabilities");
  const info = findMember(bytes, at, "clientInfo");
  const parts: string[] = [];
  if (declared !== undefined) {
    eachMember(bytes, declared.start, (key, keyStart, start, end) => {
      if (key === "tasks") return;
      if (key === "roots") parts.push('"roots":{}');
      // `{}` means forms, as before there were modes.
      else if (key === "elicitation" && isEmpty(bytes, start)) parts.push('"elicitation":{"form":{}}');
      else parts.push(bytes.toString("utf8", keyStart, end));
    });
  }
  return {
    capabilities: `{${parts.join(",")}}`,
    info: info && bytes.toString("utf8", info.start, info.end),
  };
}

function isEmpty(bytes: Buffer, at: number): boolean {
  let count = 0;
  return eachMember(bytes, at, () => count++) > 0 && count === 0;
}

/** The members that 2026-07-28 wants in `params._meta`. */
export function requestMeta({ capabilities, info }: ClientFacts, version: string, logLevel?: string): string {
  const parts = [`"${META_VERSION}":"${version}"`, `"${META_CAPABILITIES}":${capabilities}`];
  if (info !== undefined) parts.push(`"${META_CLIENT_INFO}":${info}`);
  if (logLevel !== undefined) parts.push(`"${META_LOG_LEVEL}":"${logLevel}"`);
  return parts.join(",");
}

/** A request of the bridge itself. @param params members, as JSON text. */
export function modernRequest(id: number | string, method: string, meta: string, params = ""): Buffer {
  const rest = params === "" ? "" : `${params},`;
  return oneLine(
    Buffer.from(
      `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"method":"${method}","params":{${rest}"_meta":{${meta}}}}`,
    ),
  );
}

/** `task` asks for what no server of 2026-07-28 offers; such a request is served as any other (2025-11-25, tasks). */
const SESSION_PARAMS = new Set(["_meta", "task", "inputResponses", "requestState"]);

/** A client's request for the server. @param more further members of `params`, such as what the client was asked for. */
export function toModern(message: Message, id: number, meta: string, more: readonly Part[] = []): Buffer {
  const { bytes, params, method = "" } = message;
  const own = params && findMember(bytes, params.start, "_meta");
  const kept =
    own === undefined || !isObject(bytes, own.start)
      ? []
      : members(bytes, own.start, (key) => key.startsWith(META_PREFIX));
  const rest: Part[] = params === undefined ? [] : members(bytes, params.start, (key) => SESSION_PARAMS.has(key));
  const whole = objectOf([...rest, ...more, Buffer.concat([Buffer.from('"_meta":'), objectOf([...kept, meta])])]);
  const head = `"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(method)}`;
  return oneLine(objectOf([head, Buffer.concat([Buffer.from('"params":'), whole])]));
}

const RESULT_ENVELOPE = new Set(["resultType", "ttlMs", "cacheScope", "_meta"]);

/** A server's result as clients of the session eras know it. */
export function toSessionResult(message: Message, id: string, method: string): Buffer {
  const { bytes, result } = message;
  if (result === undefined || !isObject(bytes, result.start)) return answer(id, Buffer.from("{}"));
  const parts: Part[] = members(bytes, result.start, (key) => RESULT_ENVELOPE.has(key));
  const meta = findMember(bytes, result.start, "_meta");
  if (meta !== undefined && isObject(bytes, meta.start)) {
    const kept = members(bytes, meta.start, (key) => key === META_SERVER_INFO);
    if (kept.length > 0) parts.push(Buffer.concat([Buffer.from('"_meta":'), objectOf(kept)]));
  }
  const whole = objectOf(parts);
  if (method === "tools/list") return answer(id, withObjectSchemas(whole));
  return answer(id, method === "tools/call" ? withObjectContent(whole) : whole);
}

/**
 * Before 2026-07-28 only objects could be structured content, and only their schemas could be announced: clients
 * refuse a whole list for one other.
 */
function withObjectSchemas(result: Buffer): Buffer {
  const tools = findMember(result, 0, "tools");
  if (tools === undefined || !isArray(result, tools.start)) return result;
  const kept: Part[] = [];
  let changed = false;
  eachElement(result, tools.start, (start, end) => {
    const schema = isObject(result, start) ? findMember(result, start, "outputSchema") : undefined;
    const tool = result.subarray(start, end);
    const fits = schema === undefined || findString(result, schema.start, ["type"]) === "object";
    if (!fits) changed = true;
    kept.push(fits ? tool : removeMember(tool, 0, "outputSchema"));
  });
  if (!changed) return result;
  return replaceValue(result, tools, `[${kept.map(String).join(",")}]`);
}

function withObjectContent(result: Buffer): Buffer {
  const content = findMember(result, 0, "structuredContent");
  if (content === undefined || isObject(result, content.start)) return result;
  return replaceValue(result, content, `{"result":${result.toString("utf8", content.start, content.end)}}`);
}

/** The answer to `initialize`, from that to `server/discover`. */
export function initializeResult(discovered: Message, id: string, version: string): Buffer {
  const { bytes, result } = discovered;
  const at = result?.start ?? 0;
  const info = findPath(bytes, at, ["_meta", META_SERVER_INFO]);
  const instructions = findMember(bytes, at, "instructions");
  const capabilities = findMember(bytes, at, "capabilities");
  const parts = [
    `"protocolVersion":"${version}"`,
    `"capabilities":${capabilities === undefined ? "{}" : raw(bytes, capabilities)}`,
    `"serverInfo":${info === undefined ? '{"name":"unknown","version":"0"}' : raw(bytes, info)}`,
  ];
  if (instructions !== undefined) parts.push(`"instructions":${raw(bytes, instructions)}`);
  return answer(id, Buffer.from(`{${parts.join(",")}}`));
}

/** A server's error as clients of the session eras know it. */
export function toSessionError(message: Message, id: string, method: string): Buffer {
  const { bytes, error } = message;
  const code = error && findMember(bytes, error.start, "code");
  const number = code === undefined ? Number.NaN : Number(raw(bytes, code));
  const text = error && findString(bytes, error.start, ["message"]);
  if (error === undefined || code === undefined || !Number.isInteger(number) || text === undefined) {
    return errorMessage(id, ErrorCode.internal, "the server answered with an error that is none");
  }
  const missing = method === "resources/read" && findString(bytes, error.start, ["data", "uri"]) !== undefined;
  const known = sessionErrorCode(number, missing);
  const own = known === number ? bytes.subarray(error.start, error.end) : recoded(bytes, error, code, known);
  return oneLine(Buffer.concat([Buffer.from(`{"jsonrpc":"2.0","id":${id},"error":`), own, Buffer.from("}")]));
}

function recoded(bytes: Buffer, error: Span, code: Span, to: number): Buffer {
  const span = { start: code.start - error.start, end: code.end - error.start };
  return replaceValue(bytes.subarray(error.start, error.end), span, String(to));
}

/**
 * A missing resource is -32002 until 2025-11-25. What is new in 2026-07-28 (headers, capability, version) is what an
 * earlier server calls an internal error: it could not do what it had to, and its message and data say why.
 */
function sessionErrorCode(code: number, missingResource: boolean): number {
  if (code === ErrorCode.invalidParams && missingResource) return RESOURCE_NOT_FOUND;
  const { headerMismatch, missingCapability, unsupportedVersion, internal } = ErrorCode;
  return code === headerMismatch || code === missingCapability || code === unsupportedVersion ? internal : code;
}

const RESOURCE_NOT_FOUND = -32002;

/** What a notification says about its subscription: the id of the listening request, as raw text. */
export function subscriptionOf({ bytes, params }: Message): string | undefined {
  const span = params && findPath(bytes, params.start, ["_meta", META_SUBSCRIPTION]);
  return span && raw(bytes, span);
}

/** A notification without its subscription, as there were none. */
export function withoutSubscription(message: Message): Buffer {
  const meta = message.params && findMember(message.bytes, message.params.start, "_meta");
  if (meta === undefined) return message.bytes;
  const bytes = removeMember(message.bytes, meta.start, META_SUBSCRIPTION);
  const left = readMessage(bytes);
  const params = left.ok ? left.value.params : undefined;
  const rest = params && findMember(bytes, params.start, "_meta");
  return params !== undefined && rest !== undefined && isEmpty(bytes, rest.start)
    ? removeMember(bytes, params.start, "_meta")
    : bytes;
}

function raw(bytes: Buffer, span: Span): string {
  return bytes.toString("utf8", span.start, span.end);
}
