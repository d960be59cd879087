import type { Capabilities } from "./client-capabilities.ts";
import type { Message } from "./envelope.ts";
import { findMember, findPath, findString, isObject } from "./json-spans.ts";
import { discoveredVersion, requestMeta } from "./modern-messages.ts";
import { DISCOVER_MS } from "./modern-port.ts";
import { Unavailable } from "./port.ts";
import type { ServerEra } from "./server-era.ts";
import { META_SERVER_INFO, SESSIONLESS_VERSIONS } from "./sessionless-meta.ts";
import { LATEST_SESSION_VERSION } from "./versions.ts";

export const NO_INFO = '{"name":"unknown","version":"0"}';

/** How a server introduced itself. */
export interface Introduction {
  /** The answer to `initialize`, or to `server/discover`. */
  readonly answer: Message;
  /** `serverInfo` as the server wrote it. */
  readonly serverInfo: string;
  /** It speaks 2026-07-28, and no session. */
  readonly modern: boolean;
}

export interface Introducing {
  /** A request of the bridge itself. @param params JSON text. */
  readonly ask: (method: string, params: string, timeoutMs?: number) => Promise<Message>;
  readonly capabilities: Capabilities;
  readonly clientInfo: { readonly name: string; readonly version: string };
  readonly era: ServerEra;
}

/**
 * `initialize`; a server that refuses it may still answer `server/discover`, and then needs no introduction at all
 * (see `ModernPort`, which does the same for sessions).
 */
export async function introduce({ ask, capabilities, clientInfo, era }: Introducing): Promise<Introduction> {
  let refusal = "it does not answer server/discover any more; try again";
  if (era.modern !== true) {
    const params = { protocolVersion: LATEST_SESSION_VERSION, capabilities, clientInfo };
    const answer = await ask("initialize", JSON.stringify(params));
    if (answer.result !== undefined && isObject(answer.bytes, answer.result.start)) {
      era.learn(false);
      const info = findMember(answer.bytes, answer.result.start, "serverInfo");
      return { answer, serverInfo: info === undefined ? NO_INFO : checkedJson(answer.bytes, info), modern: false };
    }
    refusal = findString(answer.bytes, answer.error?.start ?? 0, ["message"]) ?? "no result";
  }
  const version = SESSIONLESS_VERSIONS.at(-1) ?? "";
  const meta = requestMeta({ capabilities: "{}", info: JSON.stringify(clientInfo) }, version);
  const answer = await ask("server/discover", `{"_meta":{${meta}}}`, DISCOVER_MS).catch(() => undefined);
  if (answer?.result === undefined || discoveredVersion(answer) === undefined) {
    era.learn(undefined);
    throw new Unavailable(`the server refused initialize: ${refusal}`, 5_000);
  }
  era.learn(true);
  const info = findPath(answer.bytes, answer.result.start, ["_meta", META_SERVER_INFO]);
  return { answer, serverInfo: info === undefined ? NO_INFO : checkedJson(answer.bytes, info), modern: true };
}

/** It goes into every answer, so it must not break them. */
function checkedJson(bytes: Buffer, { start, end }: { readonly start: number; readonly end: number }): string {
  const text = bytes.toString("utf8", start, end);
  try {
    JSON.parse(text);
    return text;
  } catch {
    return NO_INFO;
  }
}
