import type { IncomingHttpHeaders } from "node:http";
import { ErrorCode } from "./envelope.ts";
import type { Refusal } from "./refusal.ts";

const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];

/** Whether a request may come in at all: DNS rebinding protection by Host and Origin (MCP, transports: security). */
export class HostGuard {
  readonly #hosts: ReadonlySet<string>;
  readonly #origins: ReadonlySet<string>;
  #lastAllowed: string | undefined;

  constructor(options: { readonly allowedHost: readonly string[]; readonly allowedOrigin: readonly string[] }) {
    this.#hosts = new Set([...LOOPBACK, ...options.allowedHost.map((host) => host.toLowerCase())]);
    this.#origins = new Set(options.allowedOrigin.map((origin) => origin.toLowerCase().replace(/\/$/, "")));
  }

  check(headers: IncomingHttpHeaders): Refusal | undefined {
    const host = headers.host ?? "";
    // Nearly always that of the request before.
    if (host !== this.#lastAllowed && !this.#allowsHost(host)) {
      return forbidden(`host "${host}" is not allowed; add it with --allowed-host (MCP_ALLOWED_HOSTS)`);
    }
    this.#lastAllowed = host;
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
