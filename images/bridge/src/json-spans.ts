/**
 * Walks JSON as bytes, so that messages can be read and cut without being parsed and printed again: numbers,
 * key order and unknown fields stay what they were. It finds where values start and end; it does not check
 * their grammar (what a client sends is checked by `JSON.parse` first, see `envelope.ts`).
 */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

/** Half-open byte range of a value. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** First index at or after `at` that is not JSON white space. */
export function skipSpace(json: Buffer, at: number): number {
  let i = at;
  for (;;) {
    const byte = json[i];
    if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return i;
    i++;
  }
}

/** Index just past the string that opens at `at`, or -1 if it never closes. */
function skipString(json: Buffer, at: number): number {
  let i = at + 1;
  // Most strings are short: a loop beats the call into native code until about here.
  const near = Math.min(json.length, i + 64);
  for (; i < near; i++) {
    const byte = json[i];
    if (byte === QUOTE) return i + 1;
    if (byte === BACKSLASH) i++;
  }
  for (;;) {
    const quote = json.indexOf(QUOTE, i);
    if (quote < 0) return -1;
    let first = quote;
    while (first > i && json[first - 1] === BACKSLASH) first--;
    if ((quote - first) % 2 === 0) return quote + 1;
    i = quote + 1;
  }
}

function skipContainer(json: Buffer, at: number): number {
  let depth = 0;
  for (let i = at; i < json.length; i++) {
    const byte = json[i];
    if (byte === QUOTE) {
      const end = skipString(json, i);
      if (end < 0) return -1;
      i = end - 1;
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth++;
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      if (--depth === 0) return i + 1;
    }
  }
  return -1;
}

/** Index just past the value that starts at `at`, or -1 if there is none or it never ends. */
export function skipValue(json: Buffer, at: number): number {
  const first = json[at];
  if (first === QUOTE) return skipString(json, at);
  if (first === OPEN_BRACE || first === OPEN_BRACKET) return skipContainer(json, at);
  let i = at;
  for (; i < json.length; i++) {
    const byte = json[i];
    if (byte === undefined || byte <= 0x20 || byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET) break;
  }
  return i > at ? i : -1;
}

export function isObject(json: Buffer, at: number): boolean {
  return json[at] === OPEN_BRACE;
}

export function isArray(json: Buffer, at: number): boolean {
  return json[at] === OPEN_BRACKET;
}

export function isString(json: Buffer, at: number): boolean {
  return json[at] === QUOTE;
}

/**
 * Visits the members of the object at `at` in order.
 * @param visit gets the spans of the key, quotes included, and of the value.
 * @returns the index just past the object, or -1 if the bytes are not a closed object.
 */
export function walkMembers(
  json: Buffer,
  at: number,
  visit: (keyStart: number, keyEnd: number, valueStart: number, valueEnd: number) => void,
): number {
  if (json[at] !== OPEN_BRACE) return -1;
  let i = skipSpace(json, at + 1);
  if (json[i] === CLOSE_BRACE) return i + 1;
  for (;;) {
    if (json[i] !== QUOTE) return -1;
    const keyStart = i;
    const keyEnd = skipString(json, i);
    if (keyEnd < 0) return -1;
    i = skipSpace(json, keyEnd);
    if (json[i] !== COLON) return -1;
    const valueStart = skipSpace(json, i + 1);
    const valueEnd = skipValue(json, valueStart);
    if (valueEnd < 0) return -1;
    visit(keyStart, keyEnd, valueStart, valueEnd);
    i = skipSpace(json, valueEnd);
    if (json[i] === CLOSE_BRACE) return i + 1;
    if (json[i] !== COMMA) return -1;
    i = skipSpace(json, i + 1);
  }
}

/** As `walkMembers`, with the keys as text. */
export function eachMember(
  json: Buffer,
  at: number,
  visit: (key: string, keyStart: number, valueStart: number, valueEnd: number) => void,
): number {
  return walkMembers(json, at, (keyStart, keyEnd, valueStart, valueEnd) => {
    visit(readString(json, keyStart, keyEnd), keyStart, valueStart, valueEnd);
  });
}

/** Whether the key at a span, quotes included, is `name`, which must be ASCII; made into text only if it has escapes. */
export function keyIs(json: Buffer, start: number, end: number, name: string): boolean {
  if (end - start - 2 === name.length) {
    let i = 0;
    while (i < name.length && json[start + 1 + i] === name.charCodeAt(i)) i++;
    if (i === name.length) return true;
  }
  return hasEscape(json, start, end) && readString(json, start, end) === name;
}

/** Whether the string at a span, quotes included, is written with escapes. */
export function hasEscape(json: Buffer, start: number, end: number): boolean {
  for (let i = start + 1; i < end - 1; i++) if (json[i] === BACKSLASH) return true;
  return false;
}

/** Visits the elements of the array at `at`; returns the index just past it, or -1. */
export function eachElement(json: Buffer, at: number, visit: (start: number, end: number) => void): number {
  if (json[at] !== OPEN_BRACKET) return -1;
  let i = skipSpace(json, at + 1);
  if (json[i] === CLOSE_BRACKET) return i + 1;
  for (;;) {
    const end = skipValue(json, i);
    if (end < 0) return -1;
    visit(i, end);
    i = skipSpace(json, end);
    if (json[i] === CLOSE_BRACKET) return i + 1;
    if (json[i] !== COMMA) return -1;
    i = skipSpace(json, i + 1);
  }
}

/** The string whose quotes are at `start` and `end - 1`; an invalid escape gives the raw text. */
export function readString(json: Buffer, start: number, end: number): string {
  const text = json.toString("utf8", start + 1, end - 1);
  if (!text.includes("\\")) return text;
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    return text;
  }
}

/** The value of the last member called `key` of the object at `at` (the last one is what parsers keep). */
export function findMember(json: Buffer, at: number, key: string): Span | undefined {
  let found: Span | undefined;
  walkMembers(json, at, (keyStart, keyEnd, start, end) => {
    if (keyIs(json, keyStart, keyEnd, key)) found = { start, end };
  });
  return found;
}

/** The value under a path of keys, or undefined. */
export function findPath(json: Buffer, at: number, path: readonly string[]): Span | undefined {
  let span: Span | undefined = { start: at, end: at };
  for (const key of path) {
    if (span === undefined || !isObject(json, span.start)) return undefined;
    span = findMember(json, span.start, key);
  }
  return span;
}

/** The string under a path, or undefined if there is none or it is not a string. */
export function findString(json: Buffer, at: number, path: readonly string[]): string | undefined {
  const span = findPath(json, at, path);
  return span !== undefined && isString(json, span.start) ? readString(json, span.start, span.end) : undefined;
}
