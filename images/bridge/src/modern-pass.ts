import { ErrorCode, errorMessage, type Message } from "./envelope.ts";
import { eachMember, findMember, findPath, findString, isObject } from "./json-spans.ts";
import { oneLine } from "./lines.ts";
import type { Policy } from "./policy.ts";
import { replaceValue } from "./rewrite.ts";
import { answer, members, objectOf } from "./sessionless-messages.ts";
import { META_CAPABILITIES, SESSIONLESS_VERSIONS } from "./sessionless-meta.ts";

/**
 * What changes between a client and a server that both speak 2026-07-28: ids, which each side has its own of, and
 * what the bridge is told to hide. All else is passed on as it was written.
 */

type Part = Buffer | string;

/** A client's request as its server gets it; its progress token is its id there. */
export function passedRequest({ bytes, method = "", params }: Message, id: number, policy: Policy): Buffer {
  const at = params?.start ?? bytes.length;
  const meta = findMember(bytes, at, "_meta");
  const parts: Part[] = [];
  eachMember(bytes, at, (key, keyStart, start, end) => {
    if (key === "_meta") return;
    if (key === "inputResponses" && policy.hides("roots")) parts.push(withoutRoots(bytes, start));
    else parts.push(bytes.subarray(keyStart, end));
  });
  // Whatever stands there twice is written once: what the bridge has checked is what the server reads.
  if (meta !== undefined)
    parts.push(Buffer.concat([Buffer.from('"_meta":'), passedMeta(bytes, meta.start, id, policy)]));
  const head = `"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(method)}`;
  return oneLine(objectOf([head, Buffer.concat([Buffer.from('"params":'), objectOf(parts)])]));
}

function passedMeta(bytes: Buffer, at: number, id: number, policy: Policy): Buffer {
  const declared = findMember(bytes, at, META_CAPABILITIES);
  const parts: Part[] = members(bytes, at, (key) => key === "progressToken" || key === META_CAPABILITIES);
  if (declared !== undefined) {
    // Some parsers ignore case.
    const kept = members(bytes, declared.start, (key) => policy.hides(key) || policy.hides(key.toLowerCase()));
    parts.push(Buffer.concat([Buffer.from(`"${META_CAPABILITIES}":`), objectOf(kept)]));
  }
  if (findMember(bytes, at, "progressToken") !== undefined) parts.push(`"progressToken":${id}`);
  return objectOf(parts);
}

/** A client could give roots that nobody asked for. */
function withoutRoots(bytes: Buffer, at: number): Buffer {
  const kept: Buffer[] = [];
  eachMember(bytes, at, (_key, keyStart, start, end) => {
    if (findMember(bytes, start, "roots") === undefined) kept.push(bytes.subarray(keyStart, end));
  });
  return Buffer.concat([Buffer.from('"inputResponses":'), objectOf(kept)]);
}

/** An answer for the client, and the HTTP status that it is given with. */
export interface Passed {
  readonly status: number;
  readonly body: Buffer;
  readonly ok: boolean;
}

/** @param id the client's, as raw text. */
export function passedAnswer(message: Message, id: string, method: string, policy: Policy): Passed {
  const { bytes, result, error } = message;
  if (error !== undefined) {
    const own = bytes.subarray(error.start, error.end);
    const body = Buffer.concat([Buffer.from(`{"jsonrpc":"2.0","id":${id},"error":`), own, Buffer.from("}")]);
    return { status: statusOf(message), body, ok: false };
  }
  const at = result?.start ?? bytes.length;
  const hidden = hiddenRequest(bytes, at, policy);
  if (hidden !== undefined) {
    const text = `the server asked for ${hidden}, which its clients do not offer here`;
    return { status: 200, body: errorMessage(id, ErrorCode.internal, text), ok: false };
  }
  const own = bytes.subarray(at, result?.end ?? at);
  return { status: 200, body: answer(id, method === "server/discover" ? servedOnly(own) : own), ok: true };
}

/** 2026-07-28, Streamable HTTP: what has a status of its own. */
function statusOf({ bytes, error }: Message): number {
  const span = error && findMember(bytes, error.start, "code");
  const code = span === undefined ? Number.NaN : Number(bytes.toString("latin1", span.start, span.end));
  if (code === ErrorCode.methodNotFound) return 404;
  const { headerMismatch, missingCapability, unsupportedVersion } = ErrorCode;
  return code === headerMismatch || code === missingCapability || code === unsupportedVersion ? 400 : 200;
}

/** A request among `inputRequests` that its client must never see, because the capability was stripped. */
function hiddenRequest(bytes: Buffer, at: number, policy: Policy): string | undefined {
  const requests = findMember(bytes, at, "inputRequests");
  if (requests === undefined || !isObject(bytes, requests.start)) return undefined;
  let found: string | undefined;
  eachMember(bytes, requests.start, (_key, _keyStart, start) => {
    const method = findString(bytes, start, ["method"]);
    if (method !== undefined && policy.refusesServerRequest(method)) found ??= method;
  });
  return found;
}

/** What the bridge checks requests for is what it serves, even if the server knows more. */
function servedOnly(result: Buffer): Buffer {
  const versions = findPath(result, 0, ["supportedVersions"]);
  return versions === undefined ? result : replaceValue(result, versions, JSON.stringify(SESSIONLESS_VERSIONS));
}
