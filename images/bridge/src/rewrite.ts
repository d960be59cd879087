import { type Message, paramOf, paramsOf } from "./envelope.ts";
import {
  eachElement,
  eachMember,
  findMember,
  findPath,
  findString,
  hasEscape,
  isArray,
  isObject,
  isString,
  keyIs,
  readString,
  type Span,
  skipSpace,
} from "./json-spans.ts";

/** The few changes that the bridge makes to a message, each by cutting bytes; all other bytes stay as they were. */

function splice(bytes: Buffer, start: number, end: number, insert = ""): Buffer {
  return Buffer.concat([bytes.subarray(0, start), Buffer.from(insert), bytes.subarray(end)]);
}

/** Replaces a value, e.g. the protocol version asked for in `initialize`. */
export function replaceValue(bytes: Buffer, span: Span, json: string): Buffer {
  return splice(bytes, span.start, span.end, json);
}

/** Takes every member called `key` out of the object at `at`. */
export function removeMember(bytes: Buffer, at: number, key: string): Buffer {
  const members: { key: string; start: number; end: number }[] = [];
  const end = eachMember(bytes, at, (name, keyStart, _start, valueEnd) => {
    members.push({ key: name, start: keyStart, end: valueEnd });
  });
  if (end < 0 || !members.some((member) => member.key === key)) return bytes;
  const kept = members.filter((member) => member.key !== key);
  return splice(bytes, at, end, `{${kept.map(({ start, end: to }) => bytes.toString("utf8", start, to)).join(",")}}`);
}

/** Puts a member first into the object at `at`. @param member JSON text, `"key":value`. */
export function insertMember(bytes: Buffer, at: number, member: string): Buffer {
  const empty = bytes[skipSpace(bytes, at + 1)] === 0x7d;
  return splice(bytes, at + 1, at + 1, empty ? member : `${member},`);
}

/** `initialize` without the client capabilities that the server shall not see. */
export function stripCapabilities(bytes: Buffer, capabilities: readonly string[]): Buffer {
  let out = bytes;
  for (const capability of capabilities) {
    const declared = findPath(out, 0, ["params", "capabilities"]);
    if (declared !== undefined && isObject(out, declared.start)) out = removeMember(out, declared.start, capability);
  }
  return out;
}

/** Names of the tools in a `tools/list` result. */
export function toolNames(bytes: Buffer, result: Span): string[] {
  const names: string[] = [];
  const tools = findMember(bytes, result.start, "tools");
  if (tools === undefined || !isArray(bytes, tools.start)) return names;
  eachElement(bytes, tools.start, (start) => {
    const name = findString(bytes, start, ["name"]);
    if (name !== undefined) names.push(name);
  });
  return names;
}

/** A `tools/list` result with only the tools that are allowed. */
export function filterTools(bytes: Buffer, result: Span, allows: (tool: string) => boolean): Buffer {
  const tools = findMember(bytes, result.start, "tools");
  if (tools === undefined || !isArray(bytes, tools.start)) return bytes;
  const kept: string[] = [];
  eachElement(bytes, tools.start, (start, end) => {
    const name = findString(bytes, start, ["name"]);
    if (name !== undefined && allows(name)) kept.push(bytes.toString("utf8", start, end));
  });
  return splice(bytes, tools.start, tools.end, `[${kept.join(",")}]`);
}

/**
 * The tool that a `tools/call` names; undefined if it names none, or if parsers could disagree on which
 * (the key twice, or once more in another case: Go's decoder ignores case).
 */
export function calledTool(message: Message): string | undefined {
  const { bytes } = message;
  const [name, another] = paramsOf(message).filter(({ keyStart, keyEnd }) => isName(bytes, keyStart, keyEnd));
  if (name === undefined || another !== undefined || !keyIs(bytes, name.keyStart, name.keyEnd, "name"))
    return undefined;
  return isString(bytes, name.start) ? readString(bytes, name.start, name.end) : undefined;
}

/** Whether a key is `name` in any case. */
function isName(bytes: Buffer, keyStart: number, keyEnd: number): boolean {
  const fourLetters = keyEnd - keyStart === 6;
  if (!fourLetters && !hasEscape(bytes, keyStart, keyEnd)) return false;
  return readString(bytes, keyStart, keyEnd).toLowerCase() === "name";
}

/** Raw text of `params._meta.progressToken` of a request. */
export function requestedProgress(message: Message): string | undefined {
  const meta = paramOf(message, "_meta");
  return meta === undefined
    ? undefined
    : rawText(message.bytes, findPath(message.bytes, meta.start, ["progressToken"]));
}

/** Raw text of one member of `params`, e.g. `progressToken` of a progress notification. */
export function rawParam(message: Message, key: string): string | undefined {
  return rawText(message.bytes, paramOf(message, key));
}

/** One member of `params` that is a string, e.g. `uri`. */
export function stringParam(message: Message, key: string): string | undefined {
  const span = paramOf(message, key);
  return span !== undefined && isString(message.bytes, span.start)
    ? readString(message.bytes, span.start, span.end)
    : undefined;
}

function rawText(bytes: Buffer, span: Span | undefined): string | undefined {
  return span === undefined ? undefined : bytes.toString("utf8", span.start, span.end);
}

/** Whether the result of a tool says that the tool failed. */
export function isToolError({ bytes, result }: Message): boolean {
  const flag = result && findMember(bytes, result.start, "isError");
  return flag !== undefined && bytes.toString("latin1", flag.start, flag.end) === "true";
}
