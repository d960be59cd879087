import { hash, timingSafeEqual } from "node:crypto";
import { ErrorCode } from "./envelope.ts";
import type { Refusal } from "./refusal.ts";

export type AuthResult =
  | { readonly ok: true; readonly principal: string | undefined }
  | { readonly ok: false; readonly refusal: Refusal };

/** Bearer tokens, known by their SHA-256 only. Without any, everyone may come in. */
export class BearerAuth {
  readonly #accepted: readonly { readonly digest: Buffer; readonly principal: string }[];
  /** The last accepted header of each principal. */
  readonly #seen = new Map<string, Buffer>();

  /** @param digests lower-case hex SHA-256 of each accepted token. */
  constructor(digests: readonly string[]) {
    this.#accepted = digests.map((principal) => ({ digest: Buffer.from(principal, "hex"), principal }));
  }

  /**
   * The principal of a header that was accepted before: to compare it costs a fraction of a digest, and takes the
   * same time wherever it differs.
   */
  #known(authorization: string): string | undefined {
    if (this.#seen.size === 0) return undefined;
    const given = Buffer.from(authorization);
    let match: string | undefined;
    for (const [principal, header] of this.#seen) {
      if (header.length === given.length && timingSafeEqual(header, given)) match = principal;
    }
    return match;
  }

  get enabled(): boolean {
    return this.#accepted.length > 0;
  }

  check(authorization: string | undefined): AuthResult {
    if (!this.enabled) return { ok: true, principal: undefined };
    if (authorization === undefined)
      return unauthorized("a bearer token is needed: send `Authorization: Bearer TOKEN`", "");
    const known = this.#known(authorization);
    if (known !== undefined) return { ok: true, principal: known };
    const token = bearerToken(authorization);
    if (token === undefined) {
      return unauthorized("the Authorization header is not `Bearer TOKEN`", ', error="invalid_request"');
    }
    const digest = tokenDigest(token);
    let match: string | undefined;
    // Every digest is compared, and digests hide how far a guess was right.
    for (const accepted of this.#accepted) if (timingSafeEqual(accepted.digest, digest)) match = accepted.principal;
    if (match !== undefined) {
      this.#seen.set(match, Buffer.from(authorization));
      return { ok: true, principal: match };
    }
    return unauthorized("the bearer token is not accepted here", ', error="invalid_token"');
  }
}

/** The token of an Authorization header; undefined if it is of another scheme or form (RFC 6750, 2.1). */
export function bearerToken(authorization: string): string | undefined {
  return /^bearer +([^\s]+) *$/i.exec(authorization)?.[1];
}

export function tokenDigest(token: string): Buffer {
  return hash("sha256", token, "buffer");
}

/** Digests of the tokens in a file, one per line; blank lines and lines with `#` first do not count. */
export function digestsOfFile(text: string): string[] {
  const tokens = text.split("\n").map((line) => line.trim());
  return tokens
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((token) => tokenDigest(token).toString("hex"));
}

function unauthorized(message: string, detail: string): AuthResult {
  const headers = { "www-authenticate": `Bearer realm="mcp"${detail}` };
  return { ok: false, refusal: { status: 401, code: ErrorCode.server, message, cause: "unauthorized", headers } };
}
