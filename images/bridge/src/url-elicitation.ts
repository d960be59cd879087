import { type Message, readMessage } from "./envelope.ts";
import { eachElement, findMember, findPath, findString, isArray } from "./json-spans.ts";
import type { InputRequest } from "./sessionless-messages.ts";

/** URLElicitationRequiredError of 2025-11-25: URLs to visit before the call is made again. Gone since 2026-07-28. */
export const URL_ELICITATION_REQUIRED = -32042;

/**
 * What such an error asks for, as requests of the server; empty for any other error.
 * @param count of keys that are taken already.
 */
export function urlElicitations({ bytes, error }: Message, count: number): InputRequest[] {
  const code = error && findMember(bytes, error.start, "code");
  if (error === undefined || code === undefined) return [];
  if (Number(bytes.toString("latin1", code.start, code.end)) !== URL_ELICITATION_REQUIRED) return [];
  const list = findPath(bytes, error.start, ["data", "elicitations"]);
  const requests: InputRequest[] = [];
  if (list === undefined || !isArray(bytes, list.start)) return requests;
  eachElement(bytes, list.start, (start, end) => {
    if (findString(bytes, start, ["mode"]) !== "url" || findString(bytes, start, ["url"]) === undefined) return;
    const params = bytes.toString("utf8", start, end);
    const read = readMessage(Buffer.from(`{"jsonrpc":"2.0","id":0,"method":"elicitation/create","params":${params}}`));
    if (read.ok) requests.push({ key: `elicitation-${count + requests.length + 1}`, message: read.value });
  });
  return requests;
}

/** What the client said to them. */
export interface Visits {
  /** It has said nothing about these. */
  readonly open: readonly InputRequest[];
  /** Its user does not want to, or did not say. */
  readonly declined: boolean;
}

/** @param inputs raw JSON by key. */
export function visitsOf(requests: readonly InputRequest[], inputs: ReadonlyMap<string, string>): Visits {
  const actions = requests.map(({ key }) => {
    const input = inputs.get(key);
    return input === undefined ? undefined : findString(Buffer.from(input), 0, ["action"]);
  });
  return {
    open: requests.filter((_request, i) => actions[i] === undefined),
    declined: actions.some((action) => action !== undefined && action !== "accept"),
  };
}
