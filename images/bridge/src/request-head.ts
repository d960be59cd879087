import type { IncomingMessage } from "node:http";
import { ErrorCode } from "./envelope.ts";
import { badRequest, type Refusal } from "./refusal.ts";

/** Nothing here is called with more than a session's id in its query. */
const MAX_URL_CHARACTERS = 4_096;
/** Clients send about ten, proxies add some. Node drops what is over 2,000 without a word. */
const MAX_HEADERS = 100;

/** What is wrong with a request before it is looked at; all of its head together is limited by `maxHeaderSize`. */
export function headRefusal({ url = "/", rawHeaders }: IncomingMessage): Refusal | undefined {
  if (url.length > MAX_URL_CHARACTERS) return tooMuch(414, `the URL is over ${MAX_URL_CHARACTERS} characters`);
  if (rawHeaders.length > 2 * MAX_HEADERS) return tooMuch(431, `there are over ${MAX_HEADERS} headers`);
  // RFC 6750, 2.3; MCP: "MUST NOT". URLs end up in logs and histories.
  if (url.includes("access_token=")) {
    return badRequest("a token must not be in the URL; send it as `Authorization: Bearer TOKEN`, and change this one");
  }
  return undefined;
}

function tooMuch(status: 414 | 431, message: string): Refusal {
  return { status, code: ErrorCode.server, message, cause: "bad_request" };
}
