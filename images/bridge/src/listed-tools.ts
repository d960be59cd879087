import { type Message, readMessage } from "./envelope.ts";
import { isObject } from "./json-spans.ts";
import type { Metrics } from "./metrics.ts";
import type { ParamHeaders } from "./param-headers.ts";
import type { Policy } from "./policy.ts";
import { toolNames } from "./rewrite.ts";

/** The tools that may be seen; their names are learnt for the metrics, their marked arguments for the checks. */
export function listedTools(
  message: Message,
  { metrics, policy, paramHeaders }: { metrics: Metrics; policy: Policy; paramHeaders: ParamHeaders },
): Message {
  if (message.result === undefined || !isObject(message.bytes, message.result.start)) return message;
  metrics.learnTools(toolNames(message.bytes, message.result));
  paramHeaders.learn(message);
  const filtered = readMessage(policy.listedTools(message));
  return filtered.ok ? filtered.value : message;
}
