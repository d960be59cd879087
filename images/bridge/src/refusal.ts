import type { Capabilities } from "./client-capabilities.ts";
import { ErrorCode } from "./envelope.ts";
import type { Cause } from "./metrics.ts";
import { Unavailable } from "./port.ts";

/** Why a request over HTTP is not served, and how that is said. */
export interface Refusal {
  readonly status: number;
  /** JSON-RPC error code. */
  readonly code: number;
  /** What was wrong and what to do about it. */
  readonly message: string;
  readonly cause: Cause;
  readonly data?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export function badRequest(message: string, code: number = ErrorCode.invalidRequest): Refusal {
  return { status: 400, code, message, cause: "bad_request" };
}

/** Over a cap: come again later. */
export function overload(status: 429 | 503, message: string, retryAfterMs = 1_000): Refusal {
  const headers = { "retry-after": String(Math.max(1, Math.ceil(retryAfterMs / 1_000))) };
  return { status, code: ErrorCode.server, message, cause: "overload", headers };
}

/** What a client is told when no server process could be had. */
export function startRefusal(error: unknown): Refusal {
  if (!(error instanceof Unavailable)) throw error;
  return { ...overload(503, error.message, error.retryAfterMs), cause: "start_refused" };
}

/** To a client of 2026-07-28, which has to say with each request what it can do. */
export function missingCapability(required: Capabilities): Refusal {
  const names = Object.keys(required).join(", ");
  const message = `the server needs a client capability that this request does not declare: ${names}`;
  const data = { requiredCapabilities: required };
  return { status: 400, code: ErrorCode.missingCapability, message, cause: "bad_request", data };
}
