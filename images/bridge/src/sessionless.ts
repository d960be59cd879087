import { ErrorCode } from "./envelope.ts";
import type { Refusal } from "./refusal.ts";
import { SESSION_VERSIONS } from "./versions.ts";

/**
 * The sessionless era (2026-07-28) will be served from here. Until then its requests get the error that the
 * revision specifies for a version the server does not speak; its clients then fall back to `initialize`.
 */
export function refuseSessionless(requested: string | null): Refusal {
  return unsupportedVersion(requested);
}

/** HTTP 400 with -32022 and `data {supported, requested}` (2026-07-28, versioning). */
export function unsupportedVersion(requested: string | null): Refusal {
  return {
    status: 400,
    code: ErrorCode.unsupportedVersion,
    message: `Unsupported protocol version: ${requested ?? "none given"}; supported: ${SESSION_VERSIONS.join(", ")}`,
    cause: "bad_request",
    data: { supported: SESSION_VERSIONS, requested },
  };
}
