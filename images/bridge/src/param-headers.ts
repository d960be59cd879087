import type { IncomingHttpHeaders } from "node:http";
import { ErrorCode, type Message } from "./envelope.ts";
import { eachElement, findMember, findString, isArray } from "./json-spans.ts";
import { badRequest, type Refusal } from "./refusal.ts";
import { calledTool } from "./rewrite.ts";
import { decodeHeaderValue } from "./sessionless-checks.ts";

const MARK = "x-mcp-header";
/** RFC 9110, 5.1: what a header's name may be made of. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** A server may name tools without end. */
const MAX_TOOLS = 1_024;

/** An argument that `Mcp-Param-*` repeats, for proxies that route by it. */
interface Mirrored {
  /** Keys from the arguments down to it. */
  readonly path: readonly string[];
  /** In lower case, as Node has them. */
  readonly header: string;
}

/** The arguments that the tools of a `tools/list` mark with `x-mcp-header` (2026-07-28, Streamable HTTP). */
export class ParamHeaders {
  readonly #tools = new Map<string, readonly Mirrored[]>();

  /** Reads the answer to a `tools/list`. */
  learn({ bytes, result }: Message): void {
    const tools = result === undefined ? undefined : findMember(bytes, result.start, "tools");
    if (tools === undefined || !isArray(bytes, tools.start)) return;
    eachElement(bytes, tools.start, (start, end) => {
      const name = findString(bytes, start, ["name"]);
      if (name === undefined) return;
      this.#tools.delete(name);
      // Hardly any tool marks one: the others cost no parsing.
      if (!bytes.subarray(start, end).includes(MARK) || this.#tools.size >= MAX_TOOLS) return;
      const schema = findMember(bytes, start, "inputSchema");
      if (schema === undefined) return;
      const mirrored = mirroredOf(parsed(bytes.toString("utf8", schema.start, schema.end)), []);
      if (mirrored.length > 0) this.#tools.set(name, mirrored);
    });
  }

  /** Whether the headers of a `tools/call` repeat its arguments; tools that nobody has listed yet are not known. */
  check(headers: IncomingHttpHeaders, message: Message): Refusal | undefined {
    const mirrored = this.#tools.get(calledTool(message) ?? "");
    if (mirrored === undefined || message.params === undefined) return undefined;
    const span = findMember(message.bytes, message.params.start, "arguments");
    const args = span === undefined ? {} : parsed(message.bytes.toString("utf8", span.start, span.end));
    for (const { path, header } of mirrored) {
      const fault = faultOf(headers[header], valueAt(args, path), header);
      if (fault !== undefined) return badRequest(fault, ErrorCode.headerMismatch);
    }
    return undefined;
  }
}

/** Marks count on properties that are reached through properties alone. */
function mirroredOf(schema: unknown, path: readonly string[]): Mirrored[] {
  const found: Mirrored[] = [];
  if (!isRecord(schema)) return found;
  const mark = schema[MARK];
  if (path.length > 0 && typeof mark === "string" && TOKEN.test(mark)) {
    found.push({ path, header: `mcp-param-${mark.toLowerCase()}` });
  }
  if (!isRecord(schema.properties)) return found;
  for (const [key, child] of Object.entries(schema.properties)) found.push(...mirroredOf(child, [...path, key]));
  return found;
}

function faultOf(written: string | string[] | undefined, value: unknown, header: string): string | undefined {
  if (value === undefined || value === null) {
    return written === undefined ? undefined : `the ${header} header is there, its argument is not`;
  }
  // What is no string, number or boolean has no form in a header.
  if (typeof value === "object") return undefined;
  if (written === undefined) return `the ${header} header is missing; its argument is not`;
  const decoded = decodeHeaderValue(String(written));
  const equal =
    decoded === String(value) || (typeof value === "number" && decoded?.trim() !== "" && Number(decoded) === value);
  return equal ? undefined : `the ${header} header says something else than its argument`;
}

function valueAt(args: unknown, path: readonly string[]): unknown {
  let value = args;
  for (const key of path) {
    if (!isRecord(value) || !Object.hasOwn(value, key)) return undefined;
    value = value[key];
  }
  return value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A server's JSON is checked nowhere else. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
