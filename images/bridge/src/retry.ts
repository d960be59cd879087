import { ErrorCode } from "./envelope.ts";
import { findMember, findString, isObject, isString } from "./json-spans.ts";
import { badRequest, type Refusal } from "./refusal.ts";
import { paramsDigest, type RequestStates } from "./request-state.ts";
import type { SessionlessRequest } from "./sessionless-checks.ts";

/** A request that goes on with a call. */
export type Retry =
  | {
      readonly ok: true;
      /** The call that waits for it. */
      readonly call: string;
      /** Where `inputResponses` is. */
      readonly inputs: number | undefined;
    }
  | { readonly ok: false; readonly refusal: Refusal };

/** What a retry brings back (2026-07-28, multi round-trip requests); undefined for a call that starts. */
export function readRetry(
  { message, method }: SessionlessRequest,
  principal: string | undefined,
  states: RequestStates,
): Retry | undefined {
  const { bytes, params } = message;
  if (params === undefined) return undefined;
  const inputs = findMember(bytes, params.start, "inputResponses");
  if (inputs !== undefined && !isObject(bytes, inputs.start)) return invalid('"inputResponses" must be an object');
  const state = findMember(bytes, params.start, "requestState");
  if (state === undefined) return undefined;
  const text = isString(bytes, state.start) ? (findString(bytes, params.start, ["requestState"]) ?? "") : "";
  const verified = states.verify(text, { method, params: paramsDigest(message), principal }, Date.now());
  return verified.ok ? { ok: true, call: verified.call, inputs: inputs?.start } : invalid(verified.fault);
}

function invalid(fault: string): Retry {
  return { ok: false, refusal: badRequest(fault, ErrorCode.invalidParams) };
}
