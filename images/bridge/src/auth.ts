import { type AuthResult, BearerAuth } from "./bearer.ts";
import type { Log } from "./log.ts";
import { OAuth, type OAuthSettings } from "./oauth.ts";

/** Who may call: holders of a static token, of an access token, or everyone if neither is configured. */
export class Auth {
  readonly #tokens: BearerAuth;
  readonly #oauth: OAuth | undefined;

  /** @param digests see `BearerAuth`. */
  constructor(digests: readonly string[], settings: OAuthSettings, log: Log) {
    this.#tokens = new BearerAuth(digests);
    this.#oauth = settings.oauthIssuer.length > 0 ? new OAuth(settings, log) : undefined;
  }

  /** For the log. */
  get mode(): string {
    const modes = [...(this.#tokens.enabled ? ["bearer"] : []), ...(this.#oauth === undefined ? [] : ["oauth"])];
    return modes.join("+") || "off: no token is configured, everyone who can connect may call";
  }

  /** RFC 9728 metadata by path; none without OAuth. */
  get documents(): ReadonlyMap<string, string> {
    return this.#oauth?.resource.documents ?? new Map();
  }

  async start(): Promise<void> {
    await this.#oauth?.start();
  }

  /** A promise only when an access token has to be verified: static tokens are on the path of every call. */
  check(authorization: string | undefined, path: string): AuthResult | Promise<AuthResult> {
    if (this.#oauth === undefined) return this.#tokens.check(authorization);
    if (this.#tokens.enabled) {
      const known = this.#tokens.check(authorization);
      if (known.ok) return known;
    }
    return this.#oauth.check(authorization, path);
  }
}
