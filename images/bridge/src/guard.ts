import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { ErrorCode } from "./envelope.ts";
import type { Refusal } from "./refusal.ts";

const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];

/** Whether a request may come in at all: DNS rebinding protection by Host and Origin (MCP, transports: security). */
export class HostGuard {
  readonly #hosts: ReadonlySet<string>;
  readonly #origins: ReadonlySet<string>;

  constructor(options: { readonly allowedHost: readonly string[]; readonly allowedOrigin: readonly string[] }) {
    this.#hosts = new Set([...LOOPBACK, ...options.allowedHost.map((host) => host.toLowerCase())]);
    this.#origins = new Set(options.allowedOrigin.map((origin) => origin.toLowerCase().replace(/\/$/, "")));
  }

  check(headers: IncomingHttpHeaders): Refusal | undefined {
    const host = headers.host ?? "";
    if (!this.#allowsHost(host)) {
      return forbidden(`host "${host}" is not allowed; add it with --allowed-host (MCP_ALLOWED_HOSTS)`);
    }
    const { origin } = headers;
    if (origin !== undefined && !this.#allowsOrigin(origin)) {
      return forbidden(`origin "${origin}" is not allowed; add it with --allowed-origin (MCP_ALLOWED_ORIGINS)`);
    }
    return undefined;
  }

  #allowsHost(host: string): boolean {
    if (this.#hosts.has("*")) return true;
    const lower = host.toLowerCase();
    return this.#hosts.has(lower) || this.#hosts.has(lower.replace(/:\d+$/, ""));
  }

  #allowsOrigin(origin: string): boolean {
    const lower = origin.toLowerCase();
    if (this.#origins.has("*") || this.#origins.has(lower)) return true;
    const scheme = /^https?:\/\//.exec(lower);
    if (scheme === null || this.#hosts.has("*")) return false;
    return this.#allowsHost(lower.slice(scheme[0].length));
  }
}

function forbidden(message: string): Refusal {
  return { status: 403, code: ErrorCode.server, message, cause: "forbidden" };
}

export type AuthResult =
  | { readonly ok: true; readonly principal: string | undefined }
  | { readonly ok: false; readonly refusal: Refusal };

/** Bearer tokens, known by their SHA-256 only. Without any, everyone may come in. */
export class BearerAuth {
  readonly #digests: readonly Buffer[];

  /** @param digests lower-case hex SHA-256 of each accepted token. */
  constructor(digests: readonly string[]) {
    this.#digests = digests.map((digest) => Buffer.from(digest, "hex"));
  }

  get enabled(): boolean {
    return this.#digests.length > 0;
  }

  check(authorization: string | undefined): AuthResult {
    if (!this.enabled) return { ok: true, principal: undefined };
    if (authorization === undefined)
      return unauthorized("a bearer token is needed: send `Authorization: Bearer TOKEN`", "");
    const token = /^bearer +([^\s]+) *$/i.exec(authorization)?.[1];
    if (token === undefined) {
      return unauthorized("the Authorization header is not `Bearer TOKEN`", ', error="invalid_request"');
    }
    const digest = tokenDigest(token);
    let match: Buffer | undefined;
    // Every digest is compared, and digests hide how far a guess was right.
    for (const accepted of this.#digests) if (timingSafeEqual(accepted, digest)) match = accepted;
    if (match !== undefined) return { ok: true, principal: match.toString("hex") };
    return unauthorized("the bearer token is not accepted here", ', error="invalid_token"');
  }
}

function tokenDigest(token: string): Buffer {
  return createHash("sha256").update(token).digest();
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
