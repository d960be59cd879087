import type { JWTVerifyGetKey } from "jose";
import type { Log } from "./log.ts";
import { discoveryUrls, isSecureUrl } from "./oauth-urls.ts";

export type Jose = typeof import("jose");

/** Milliseconds, but for tests as follows. */
export const ISSUER_TIMES = {
  /** Keys are fetched again after this long, so that a withdrawn one stops to count. */
  maxAge: 600_000,
  /** An unknown key id makes the bridge ask the issuer, but no more often than this: anyone can make up an id. */
  cooldown: 30_000,
  /** For all of discovery and keys. */
  timeout: 5_000,
  /** After a failure the issuer is left alone for this long. */
  retry: 2_000,
};
export type IssuerTimes = typeof ISSUER_TIMES;

/** A token could not be judged, because the keys of its issuer could not be had. */
export class IssuerUnreachable extends Error {
  readonly retryAfterMs: number;

  constructor(message: string, retryAfterMs: number, options?: ErrorOptions) {
    super(message, options);
    this.retryAfterMs = retryAfterMs;
  }
}

export interface IssuerSettings {
  readonly issuer: string;
  /** Instead of discovery. */
  readonly jwksUri: string | undefined;
  readonly times: IssuerTimes;
  readonly log: Log;
}

/** The keys of one issuer: found, kept, and fetched again when they changed. Recovers by itself. */
export class IssuerKeys {
  /** For `jwtVerify`; throws `IssuerUnreachable`. */
  readonly get: JWTVerifyGetKey;
  /** Fetches the keys before they are needed. */
  readonly load: () => Promise<void>;
  readonly #settings: IssuerSettings;
  readonly #jose: Jose;
  #retryAt = 0;
  #down = false;

  constructor(jose: Jose, settings: IssuerSettings) {
    const { maxAge, cooldown, timeout } = settings.times;
    this.#settings = settings;
    this.#jose = jose;
    // The address does not matter: each fetch discovers it anew, so that an issuer may move its keys.
    const keys = jose.createRemoteJWKSet(new URL(settings.issuer), {
      cacheMaxAge: maxAge,
      cooldownDuration: cooldown,
      timeoutDuration: timeout,
      [jose.customFetch]: (_url, { signal }) => this.#fetchKeys(signal),
    });
    this.get = keys;
    this.load = keys.reload;
  }

  async #fetchKeys(signal: AbortSignal): Promise<Response> {
    const { issuer, jwksUri, times, log } = this.#settings;
    const wait = this.#retryAt - Date.now();
    if (wait > 0) throw new IssuerUnreachable(`the issuer ${issuer} cannot be reached just now`, wait);
    try {
      const keys = await getJson(jwksUri ?? (await this.#discover(signal)), signal);
      // Throws unless it is a key set, while the old one is still in use.
      this.#jose.createLocalJWKSet(keys as Parameters<Jose["createLocalJWKSet"]>[0]);
      if (this.#down) log("info", "issuer_reachable", { issuer });
      this.#down = false;
      return Response.json(keys);
    } catch (cause) {
      this.#retryAt = Date.now() + times.retry;
      if (!this.#down) log("error", "issuer_unreachable", { issuer, error: reasonOf(cause) });
      this.#down = true;
      throw new IssuerUnreachable(`the issuer ${issuer} cannot be reached just now`, times.retry, { cause });
    }
  }

  /** RFC 8414 and OpenID Connect Discovery: the first document that is there counts. */
  async #discover(signal: AbortSignal): Promise<string> {
    const { issuer } = this.#settings;
    const faults: string[] = [];
    for (const url of discoveryUrls(issuer)) {
      const found = await getJson(url, signal).catch((error: unknown) => {
        if (!(error instanceof NotServed)) throw error;
        faults.push(error.message);
      });
      if (found === undefined) continue;
      const { issuer: named, jwks_uri: uri } = (found ?? {}) as { issuer?: unknown; jwks_uri?: unknown };
      // RFC 8414, 3.3: otherwise one issuer could speak for another.
      if (named !== issuer) throw new Error(`${url} is of the issuer ${JSON.stringify(named)}`);
      if (typeof uri === "string" && isSecureUrl(uri)) return uri;
      throw new Error(`${url} has no "jwks_uri" that is https (or http on a loopback address)`);
    }
    throw new Error(`no discovery document: ${faults.join("; ")}`);
  }
}

class NotServed extends Error {}

async function getJson(url: string, signal: AbortSignal): Promise<unknown> {
  const headers = { accept: "application/json" };
  const response = await fetch(url, { signal, redirect: "manual", headers });
  if (response.status === 200) return response.json();
  await response.body?.cancel();
  throw new NotServed(`${url} answered ${response.status}`);
}

/** `fetch` says only "fetch failed"; the reason is in the cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { cause } = error;
  return cause instanceof Error ? `${error.message}: ${cause.message}` : error.message;
}
