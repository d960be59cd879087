import { createHash } from "node:crypto";
import type { JWTPayload, JWTVerifyResult } from "jose";
import { type AuthResult, bearerToken, tokenDigest } from "./bearer.ts";
import { ErrorCode } from "./envelope.ts";
import type { Log } from "./log.ts";
import { ISSUER_TIMES, IssuerKeys, type IssuerTimes, IssuerUnreachable, type Jose } from "./oauth-issuer.ts";
import { type ChallengeError, ProtectedResource, type ResourceSettings } from "./oauth-resource.ts";
import { overload } from "./refusal.ts";
import { VerifiedTokens } from "./verified-tokens.ts";

/** Signatures with a private key only: with a shared secret, who can check a token could also make one (RFC 8725, 3.1). */
const ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
];
/** What an access token calls itself: RFC 9068, 2.1, and the issuers that came before it. Not `logout+jwt` and the like. */
const TYPES: readonly string[] = ["at+jwt", "jwt"];
/** Clocks of issuer and bridge may differ by this much. */
const TOLERANCE_S = 30;

export interface OAuthSettings extends ResourceSettings {
  readonly oauthJwksUri: string | undefined;
}

/** Why a token is not taken; the text is for its sender. */
class Refused extends Error {
  readonly error: ChallengeError;

  constructor(message: string, error: ChallengeError = "invalid_token") {
    super(message);
    this.error = error;
  }
}

/** OAuth 2.1 resource server (MCP 2025-11-25, authorization): access tokens are JWTs of known issuers. */
export class OAuth {
  readonly resource: ProtectedResource;
  readonly #settings: OAuthSettings;
  readonly #log: Log;
  readonly #times: IssuerTimes;
  readonly #verified = new VerifiedTokens();
  readonly #keys = new Map<string, IssuerKeys>();
  #jose: Jose | undefined;

  constructor(settings: OAuthSettings, log: Log, times: IssuerTimes = ISSUER_TIMES) {
    this.resource = new ProtectedResource(settings);
    this.#settings = settings;
    this.#log = log;
    this.#times = times;
  }

  /** Loads the library, which nobody else pays for, and asks for the keys. Does not wait for issuers. */
  async start(): Promise<void> {
    const jose = await import("jose").catch((cause: unknown) => {
      const remedy = "install the bridge's dependencies with `npm ci`";
      throw new Error(`OAuth needs the package "jose", which cannot be loaded; ${remedy}`, { cause });
    });
    this.#jose = jose;
    const { oauthIssuer, oauthJwksUri: jwksUri } = this.#settings;
    for (const issuer of oauthIssuer) {
      const keys = new IssuerKeys(jose, { issuer, jwksUri, times: this.#times, log: this.#log });
      this.#keys.set(issuer, keys);
      // Has been logged; the first token asks again.
      keys.load().catch(() => {});
    }
  }

  /** @param path of the request, for the challenge. */
  check(authorization: string | undefined, path: string): AuthResult | Promise<AuthResult> {
    if (authorization === undefined) {
      return this.#refuse(path, "an access token is needed: send `Authorization: Bearer TOKEN`");
    }
    const token = bearerToken(authorization);
    if (token === undefined) {
      return this.#refuse(path, "the Authorization header is not `Bearer TOKEN`", "invalid_request");
    }
    const digest = tokenDigest(token).toString("base64url");
    const principal = this.#verified.principalOf(digest);
    return principal === undefined ? this.#verify(token, digest, path) : { ok: true, principal };
  }

  async #verify(token: string, digest: string, path: string): Promise<AuthResult> {
    try {
      const payload = await this.#payload(token);
      this.#checkScopes(payload);
      const principal = principalOf(payload);
      this.#verified.add(digest, principal, ((payload.exp ?? 0) + TOLERANCE_S) * 1_000);
      return { ok: true, principal };
    } catch (error) {
      if (error instanceof IssuerUnreachable) {
        const message = `${error.message}, so no token of it can be checked; try again later`;
        const refusal = { ...overload(503, message, error.retryAfterMs), cause: "issuer_unreachable" as const };
        return { ok: false, refusal };
      }
      const refused = error instanceof Refused ? error : new Refused(faultOf(error));
      // For who wonders why clients cannot come in; the token is not in it.
      this.#log("debug", "token_refused", { error: refused.error, reason: refused.message });
      return this.#refuse(path, refused.message, refused.error);
    }
  }

  /** The claims of a token that is genuine, of today, and for this resource. */
  async #payload(token: string): Promise<JWTPayload> {
    const jose = this.#jose;
    if (jose === undefined) throw new Error("OAuth was not started");
    const { iss } = jose.decodeJwt(token);
    const keys = this.#keys.get(iss ?? "");
    if (iss === undefined || keys === undefined)
      throw new Refused("the token is of an issuer that is not trusted here");
    const verified = await jose.jwtVerify(token, keys.get, {
      algorithms: ALGORITHMS,
      issuer: iss,
      audience: [...this.resource.audiences],
      requiredClaims: ["exp"],
      clockTolerance: TOLERANCE_S,
    });
    checkKind(verified);
    return verified.payload;
  }

  #checkScopes(payload: JWTPayload): void {
    const missing = this.resource.missing(scopesOf(payload));
    if (missing.length === 0) return;
    throw new Refused(`the token lacks the scope ${missing.join(" ")}`, "insufficient_scope");
  }

  #refuse(path: string, message: string, error?: ChallengeError): AuthResult {
    const scopes = error === "insufficient_scope";
    const description = error === "invalid_request" || error === undefined ? undefined : message;
    const headers = { "www-authenticate": this.resource.challenge(path, error, description) };
    const status = scopes ? 403 : 401;
    const cause = scopes ? "forbidden" : "unauthorized";
    return { ok: false, refusal: { status, code: ErrorCode.server, message, cause, headers } };
  }
}

/** That it is an access token, and one that its bearer may use as such. */
function checkKind({ payload, protectedHeader }: JWTVerifyResult): void {
  const type = protectedHeader.typ?.toLowerCase().replace(/^application\//, "");
  if (type !== undefined && !TYPES.includes(type)) throw new Refused("the token is not an access token");
  // RFC 7800: good only together with a proof of its holder, which a bearer does not give.
  if (payload.cnf !== undefined) throw new Refused("the token is bound to a key of its holder; send a bearer token");
}

/** `scope` of RFC 9068, 2.2.3; `scp` is what Entra (text) and Okta (list) write. */
function scopesOf({ scope, scp }: JWTPayload): ReadonlySet<string> {
  const texts = [scope, scp].flat().filter((text) => typeof text === "string");
  return new Set(texts.flatMap((text) => text.split(" ")));
}

/**
 * Who calls: the same person in the same application, whichever token they were given. A hash, as names do not belong
 * into memory dumps; with a prefix, so that it is never the digest of a static token.
 */
function principalOf({ iss, sub, client_id, azp, cid }: JWTPayload): string {
  // RFC 9068, 2.2; `azp` and `cid` are what Keycloak, Entra and Okta write for `client_id`.
  const client = [client_id, azp, cid].find((id) => typeof id === "string") ?? null;
  if (sub === undefined && client === null) throw new Refused("the token names neither a subject nor a client");
  const who = JSON.stringify([iss, sub ?? null, client]);
  return `oauth:${createHash("sha256").update(who).digest("base64url")}`;
}

/** What jose found, in words that help and give nothing away. */
function faultOf(error: unknown): string {
  const { code, claim } = error as { code?: unknown; claim?: unknown };
  if (code === "ERR_JWT_EXPIRED") return "the token has expired";
  if (code === "ERR_JWT_CLAIM_VALIDATION_FAILED") {
    if (claim === "aud") return "the token is for another audience";
    if (claim === "nbf") return "the token is not valid yet";
    return `the token has no valid ${String(claim)}`;
  }
  if (code === "ERR_JWT_INVALID" || code === "ERR_JWS_INVALID") return "the token is not a JWT";
  return "the token is not signed by a key of its issuer";
}
