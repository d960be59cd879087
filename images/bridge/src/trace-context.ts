import type { IncomingHttpHeaders } from "node:http";
import type { Message } from "./envelope.ts";
import { eachMember, findMember, findPath, findString, isObject, skipSpace } from "./json-spans.ts";
import { insertMember, removeMember } from "./rewrite.ts";

/**
 * W3C Trace Context and Baggage, from HTTP headers into `params._meta`, where MCP reserves these three names for
 * them without a prefix (SEP-414; 2026-07-28, `_meta`). Revisions before allow any such key in `_meta`.
 */
export interface TraceCarrier {
  readonly traceparent?: string;
  readonly tracestate?: string;
  readonly baggage?: string;
}

/** The caller's span. */
export interface TraceParent {
  readonly traceId: string;
  readonly spanId: string;
  readonly flags: number;
}

const PARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** Reads a `traceparent`; undefined for what the specification calls invalid (Trace Context, 3.2.2). */
export function parseTraceparent(text: string): TraceParent | undefined {
  const [, version = "", traceId = "", spanId = "", flags = "", more] = PARENT.exec(text) ?? [];
  if (version === "" || version === "ff" || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  // Only versions to come may say more.
  if (version === "00" && more !== undefined) return undefined;
  return { traceId, spanId, flags: Number.parseInt(flags, 16) };
}

export function formatTraceparent({ traceId, spanId, flags }: TraceParent): string {
  return `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, "0")}`;
}

const STATE_MEMBER =
  /^[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;
const MAX_STATE_MEMBERS = 32;

/** Trace Context, 3.3: a list of at most 32 members, no key twice; empty members are allowed. */
function isTracestate(text: string): boolean {
  const members = text
    .split(",")
    .map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ""))
    .filter((member) => member !== "");
  const keys = new Set(members.map((member) => member.slice(0, member.indexOf("="))));
  return (
    members.length > 0 &&
    members.length <= MAX_STATE_MEMBERS &&
    keys.size === members.length &&
    members.every((member) => STATE_MEMBER.test(member))
  );
}

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const OCTETS = "[\\x21\\x23-\\x2b\\x2d-\\x3a\\x3c-\\x5b\\x5d-\\x7e]*";
const PAIR = `[ \\t]*${TOKEN}[ \\t]*=[ \\t]*${OCTETS}[ \\t]*`;
const BAGGAGE_MEMBER = new RegExp(`^${PAIR}(;[ \\t]*${TOKEN}[ \\t]*(=[ \\t]*${OCTETS}[ \\t]*)?)*$`);
/** What must be passed on (Baggage, 3.3.2); more is dropped. */
const MAX_BAGGAGE_BYTES = 8_192;
const MAX_BAGGAGE_MEMBERS = 64;

function isBaggage(text: string): boolean {
  if (text.length > MAX_BAGGAGE_BYTES) return false;
  const members = text.split(",");
  return members.length <= MAX_BAGGAGE_MEMBERS && members.every((member) => BAGGAGE_MEMBER.test(member));
}

/** The context that the headers carry, without what is invalid; undefined if there is none. */
export function traceOfHeaders(headers: IncomingHttpHeaders): TraceCarrier | undefined {
  if (headers.traceparent === undefined && headers.baggage === undefined) return undefined;
  const parent = parseTraceparent(String(headers.traceparent ?? ""));
  const state = String(headers.tracestate ?? "");
  const baggage = String(headers.baggage ?? "");
  const carrier: TraceCarrier = {
    ...(parent === undefined ? {} : { traceparent: formatTraceparent(parent) }),
    // Of no use, and not to be believed, without its parent (Trace Context, 4.3).
    ...(parent !== undefined && isTracestate(state) ? { tracestate: state } : {}),
    ...(isBaggage(baggage) ? { baggage } : {}),
  };
  return carrier.traceparent === undefined && carrier.baggage === undefined ? undefined : carrier;
}

/** The context that a request carries itself, if its `traceparent` is valid. */
export function traceOfBody({ bytes, params }: Message): TraceCarrier | undefined {
  const meta = params === undefined ? undefined : findPath(bytes, params.start, ["_meta"]);
  if (meta === undefined) return undefined;
  const traceparent = findString(bytes, meta.start, ["traceparent"]);
  if (traceparent === undefined || parseTraceparent(traceparent) === undefined) return undefined;
  const tracestate = findString(bytes, meta.start, ["tracestate"]);
  return { traceparent, ...(tracestate !== undefined && isTracestate(tracestate) ? { tracestate } : {}) };
}

/**
 * A request with the context in its `_meta`; all other bytes stay. What the request says itself wins, unless
 * `replace`: then it is the bridge's own span that the server shall see as its parent.
 */
export function withTrace(bytes: Buffer, carrier: TraceCarrier, replace = false): Buffer {
  const start = skipSpace(bytes, 0);
  const params = findMember(bytes, start, "params");
  if (params === undefined) return insertMember(bytes, start, `"params":{"_meta":{${members(carrier)}}}`);
  const meta = findMember(bytes, params.start, "_meta");
  if (meta === undefined) return insertMember(bytes, params.start, `"_meta":{${members(carrier)}}`);
  // Not for the bridge to mend: the server says what is wrong with it.
  if (!isObject(bytes, meta.start)) return bytes;
  const present = new Set<string>();
  eachMember(bytes, meta.start, (key) => present.add(key));
  const add: Record<string, string> = {};
  // The two belong together: a state never goes with another's parent.
  if (replace || !(present.has("traceparent") || present.has("tracestate"))) {
    if (carrier.traceparent !== undefined) add.traceparent = carrier.traceparent;
    if (carrier.tracestate !== undefined) add.tracestate = carrier.tracestate;
  }
  if (carrier.baggage !== undefined && !present.has("baggage")) add.baggage = carrier.baggage;
  let out = bytes;
  if (replace) {
    // Both lie behind the start of `_meta`, which therefore stays where it is.
    for (const key of ["traceparent", "tracestate"]) out = removeMember(out, meta.start, key);
  }
  const text = members(add);
  return text === "" ? out : insertMember(out, meta.start, text);
}

function members(carrier: TraceCarrier): string {
  return JSON.stringify(carrier).slice(1, -1);
}
