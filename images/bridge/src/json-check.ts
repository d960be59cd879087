import { SpecialBytes } from "./json-scan.ts";
import { skipSpace } from "./json-spans.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const MINUS = 0x2d;
const POINT = 0x2e;
const PLUS = 0x2b;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const LITERALS: Readonly<Record<number, Buffer>> = Object.fromEntries(
  ["true", "false", "null"].map((word) => [word.charCodeAt(0), Buffer.from(word)]),
);
const PLAIN = 1;
const ESCAPABLE = 2;
/** What a byte may be in a string; looked up by the byte, which is faster than asking one by one. */
const KINDS = Uint8Array.from({ length: 256 }, (_, byte) => {
  const escapable = '"\\/bfnrt'.includes(String.fromCharCode(byte)) ? ESCAPABLE : 0;
  return byte < 0x20 || byte === QUOTE || byte === BACKSLASH ? escapable : escapable | PLAIN;
});
/** Runs of plain bytes up to here are read one by one; beyond, they are scanned. */
const NEAR = 48;

/**
 * Whether `bytes`, which must be valid UTF-8, are one JSON text (RFC 8259): what `JSON.parse` would say, without
 * the values it makes, which for a large message cost more than relaying it.
 */
export function isJson(bytes: Buffer): boolean {
  return new Check(bytes).text();
}

const NOTHING = -1;

class Check {
  readonly #bytes: Buffer;
  readonly #special: SpecialBytes;
  /** The open containers: 1 for an object, 0 for an array. */
  #open = new Uint8Array(64);
  #depth = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    this.#special = new SpecialBytes(bytes);
  }

  text(): boolean {
    const bytes = this.#bytes;
    let at = skipSpace(bytes, 0);
    for (;;) {
      at = this.#enter(at);
      while (at !== NOTHING && this.#depth > 0 && this.#closes(bytes[at])) at = skipSpace(bytes, at + 1);
      if (at === NOTHING) return false;
      if (this.#depth === 0) return at === bytes.length;
      if (bytes[at] !== COMMA) return false;
      at = skipSpace(bytes, at + 1);
      if (this.#inObject) at = this.#key(at);
      if (at === NOTHING) return false;
    }
  }

  /** Reads what starts at `at` up to the end of its first scalar or empty container, and the space after it. */
  #enter(from: number): number {
    const bytes = this.#bytes;
    let at = from;
    for (;;) {
      const first = bytes[at];
      if (first === OPEN_BRACE) {
        at = skipSpace(bytes, at + 1);
        this.#push(1);
        if (bytes[at] === CLOSE_BRACE) return at;
        at = this.#key(at);
        if (at === NOTHING) return NOTHING;
      } else if (first === OPEN_BRACKET) {
        at = skipSpace(bytes, at + 1);
        this.#push(0);
        if (bytes[at] === CLOSE_BRACKET) return at;
      } else {
        const end = first === QUOTE ? this.#string(at) : scalarEnd(bytes, at);
        return end === NOTHING ? NOTHING : skipSpace(bytes, end);
      }
    }
  }

  /** Index of the value whose key starts at `at`. */
  #key(at: number): number {
    if (this.#bytes[at] !== QUOTE) return NOTHING;
    const end = this.#string(at);
    if (end === NOTHING) return NOTHING;
    const colon = skipSpace(this.#bytes, end);
    return this.#bytes[colon] === COLON ? skipSpace(this.#bytes, colon + 1) : NOTHING;
  }

  #string(at: number): number {
    const bytes = this.#bytes;
    let i = at + 1;
    for (;;) {
      const near = Math.min(bytes.length, i + NEAR);
      while (i < near && ((KINDS[bytes[i] as number] as number) & PLAIN) !== 0) i++;
      if (i === near) i = this.#special.next(i);
      const byte = bytes[i];
      if (byte === QUOTE) return i + 1;
      if (byte !== BACKSLASH) return NOTHING;
      const letter = bytes[i + 1] ?? 0;
      if (((KINDS[letter] as number) & ESCAPABLE) !== 0) i += 2;
      else if (letter === 0x75 && isHex(bytes, i + 2)) i += 6;
      else return NOTHING;
    }
  }

  #push(kind: 0 | 1): void {
    if (this.#depth === this.#open.length) {
      const more = new Uint8Array(2 * this.#depth);
      more.set(this.#open);
      this.#open = more;
    }
    this.#open[this.#depth++] = kind;
  }

  get #inObject(): boolean {
    return this.#open[this.#depth - 1] === 1;
  }

  #closes(byte: number | undefined): boolean {
    if (byte !== (this.#inObject ? CLOSE_BRACE : CLOSE_BRACKET)) return false;
    this.#depth--;
    return true;
  }
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

/** Four hexadecimal digits. */
function isHex(bytes: Buffer, at: number): boolean {
  for (let i = at; i < at + 4; i++) {
    const byte = (bytes[i] ?? 0) | 0x20;
    if (!isDigit(bytes[i]) && (byte < 0x61 || byte > 0x66)) return false;
  }
  return true;
}

/** Index just past the literal or number at `at`. */
function scalarEnd(bytes: Buffer, at: number): number {
  const literal = LITERALS[bytes[at] ?? 0];
  if (literal === undefined) return numberEnd(bytes, at);
  for (let i = 1; i < literal.length; i++) if (bytes[at + i] !== literal[i]) return NOTHING;
  return at + literal.length;
}

function numberEnd(bytes: Buffer, at: number): number {
  let i = bytes[at] === MINUS ? at + 1 : at;
  if (bytes[i] === 0x30) i++;
  else i = digitsEnd(bytes, i);
  if (i !== NOTHING && bytes[i] === POINT) i = digitsEnd(bytes, i + 1);
  if (i === NOTHING || ((bytes[i] ?? 0) | 0x20) !== 0x65) return i;
  const sign = bytes[i + 1];
  return digitsEnd(bytes, sign === PLUS || sign === MINUS ? i + 2 : i + 1);
}

/** Index past at least one digit. */
function digitsEnd(bytes: Buffer, at: number): number {
  let i = at;
  while (isDigit(bytes[i])) i++;
  return i === at ? NOTHING : i;
}
