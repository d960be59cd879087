import { createHash, createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { Message } from "./envelope.ts";

/** What a state is good for: this call of this caller, and no other. */
export interface Binding {
  readonly method: string;
  /** See `paramsDigest`. */
  readonly params: string;
  readonly principal: string | undefined;
}

export type Verified = { readonly ok: true; readonly call: string } | { readonly ok: false; readonly fault: string };

/**
 * `requestState`: names a waiting call, signed, so that a client can neither make one up nor use it for another
 * call, nor can another caller (2026-07-28, multi round-trip requests: integrity of the state).
 */
export class RequestStates {
  readonly #key: Buffer;

  /** @param key secret of HMAC-SHA-256; without one, states are good for this process only. */
  constructor(key: Buffer = randomBytes(32)) {
    this.#key = key;
  }

  /** @param expires in milliseconds since 1970. */
  sign(binding: Binding, call: string, expires: number): string {
    const payload = `${call}.${expires.toString(36)}`;
    return `${payload}.${this.#mac(payload, binding).toString("base64url")}`;
  }

  verify(state: string, binding: Binding, now: number): Verified {
    const [call = "", expires = "", mac = "", ...rest] = state.split(".");
    const given = Buffer.from(mac, "base64url");
    const expected = this.#mac(`${call}.${expires}`, binding);
    // Compared as text too: base64url decodes with junk at its end as well.
    const intact = given.length === expected.length && timingSafeEqual(given, expected);
    if (!intact || rest.length > 0 || expected.toString("base64url") !== mac) {
      return { ok: false, fault: "`requestState` was not given for this call; send it back as it came" };
    }
    if (now >= Number.parseInt(expires, 36)) {
      return { ok: false, fault: "`requestState` has expired; make the call again without it" };
    }
    return { ok: true, call };
  }

  #mac(payload: string, { method, params, principal }: Binding): Buffer {
    return createHmac("sha256", this.#key)
      .update(JSON.stringify([payload, method, params, principal ?? null]))
      .digest();
  }
}

/** SHA-256 of what a call asks for, however its JSON is laid out; a retry asks for the same. */
export function paramsDigest({ bytes, params }: Message): string {
  const text = params === undefined ? "{}" : bytes.toString("utf8", params.start, params.end);
  const { _meta, inputResponses, requestState, ...asked } = JSON.parse(text) as Record<string, unknown>;
  return createHash("sha256").update(stableText(asked)).digest("base64url");
}

function stableText(value: Record<string, unknown>): string {
  try {
    return JSON.stringify(value, sorted);
  } catch (error) {
    // Nested deeper than the stack: one such call is like another, which is all that is lost.
    if (error instanceof RangeError) return Object.keys(value).sort().join();
    throw error;
  }
}

function sorted(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
