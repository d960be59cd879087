import type { Message } from "./envelope.ts";
import { findPath, findString, isObject, type Span } from "./json-spans.ts";
import { removeMember } from "./rewrite.ts";

/**
 * What changes in a message on its way to the server that all sessions share, and back: ids, progress tokens and
 * the protocol version, each by cutting bytes; all other bytes stay as they were.
 */

interface Edit {
  readonly span: Span | undefined;
  readonly json: string;
}

function edited(bytes: Buffer, edits: readonly Edit[]): Buffer {
  const parts: Buffer[] = [];
  let from = 0;
  const sorted = [...edits].sort((a, b) => (a.span?.start ?? 0) - (b.span?.start ?? 0));
  for (const { span, json } of sorted) {
    if (span === undefined) continue;
    parts.push(bytes.subarray(from, span.start), Buffer.from(json));
    from = span.end;
  }
  parts.push(bytes.subarray(from));
  return Buffer.concat(parts);
}

const inParams = ({ bytes, params }: Message, path: readonly string[]): Span | undefined =>
  params === undefined ? undefined : findPath(bytes, params.start, path);

/** A client's request under the server's id; a progress token of the client is replaced by the same id. */
export function requestForServer(message: Message, id: string): Buffer {
  const token = inParams(message, ["_meta", "progressToken"]);
  return edited(message.bytes, [
    { span: message.idSpan, json: id },
    { span: token, json: id },
  ]);
}

/**
 * A message with another id (raw text). Its bytes are used up: an id that is no longer than the one before is written
 * over it, and the shorter side moves up to it, so that a large answer is not there twice.
 */
export function withId({ bytes, idSpan }: Message, id: string): Buffer {
  const value = Buffer.from(id);
  if (idSpan === undefined || value.length > idSpan.end - idSpan.start) {
    return edited(bytes, [{ span: idSpan, json: id }]);
  }
  const { start, end } = idSpan;
  const spare = end - start - value.length;
  if (start <= bytes.length - end) {
    bytes.set(value, start + spare);
    return bytes.copyWithin(spare, 0, start).subarray(spare);
  }
  bytes.set(value, start);
  return bytes.copyWithin(start + value.length, end).subarray(0, bytes.length - spare);
}

/** A notification with another value (raw text) for one of its parameters, such as `requestId`. */
export function withParam(message: Message, key: string, json: string): Buffer {
  return edited(message.bytes, [{ span: inParams(message, [key]), json }]);
}

/**
 * The server's answer to the bridge's `initialize`, as every session gets it. Tasks are not offered: `tasks/list`
 * would show each session those of all others.
 */
export function sharedHello(answer: Message): Buffer {
  const capabilities = findPath(answer.bytes, 0, ["result", "capabilities"]);
  if (capabilities === undefined || !isObject(answer.bytes, capabilities.start)) return answer.bytes;
  return removeMember(answer.bytes, capabilities.start, "tasks");
}

/**
 * The answer to one session's `initialize`. The version is the older one of what the server speaks and what the
 * client asks for: a server must answer the version it was asked for if it supports it, else one that it does
 * support (2025-11-25, lifecycle: version negotiation), and those who speak a revision speak the older ones.
 */
export function helloFor(hello: Message, initialize: Message): Buffer {
  const spoken = hello.result && findString(hello.bytes, hello.result.start, ["protocolVersion"]);
  const asked = initialize.params && findString(initialize.bytes, initialize.params.start, ["protocolVersion"]);
  const edits: Edit[] = [{ span: hello.idSpan, json: initialize.id ?? "null" }];
  // Revisions compare as text.
  if (hello.result !== undefined && asked !== undefined && spoken !== undefined && asked < spoken) {
    const span = findPath(hello.bytes, hello.result.start, ["protocolVersion"]);
    edits.push({ span, json: JSON.stringify(asked) });
  }
  return edited(hello.bytes, edits);
}
