import type { Message } from "./envelope.ts";
import { findMember, findString } from "./json-spans.ts";

/** Client capabilities as both 2025-11-25 and 2026-07-28 declare them. */
export type Capabilities = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** What a server of 2025 can use of a client of 2026, in the order in which it is written down. */
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  elicitation: ["form", "url"],
  roots: [],
  sampling: ["context", "tools"],
};

/**
 * The capabilities that the server is told of. Always in the same order and without what it cannot use, so that
 * equal ones are equal as text and few different ones exist.
 * @param hidden capabilities that the server must not see.
 */
export function capabilitiesForServer(
  declared: Readonly<Record<string, unknown>>,
  hidden: (name: string) => boolean,
): Capabilities {
  const out: Record<string, Record<string, unknown>> = {};
  for (const [name, parts] of Object.entries(KNOWN)) {
    const value = declared[name];
    if (typeof value !== "object" || value === null || hidden(name)) continue;
    out[name] = Object.fromEntries(
      parts.filter((part) => isRecord(value) && isRecord(value[part])).map((p) => [p, {}]),
    );
  }
  return out;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** What a server's request needs of its client. */
export type Need =
  | { readonly kind: "met" }
  /** @property required what is missing, as a ClientCapabilities object. */
  | { readonly kind: "missing"; readonly required: Capabilities }
  | { readonly kind: "unknown method" };

export function needOf({ method, bytes, params }: Message, declared: Capabilities): Need {
  const has = (part: string): boolean => params !== undefined && findMember(bytes, params.start, part) !== undefined;
  switch (method) {
    case "roots/list":
      return declared.roots === undefined ? missing({ roots: {} }) : { kind: "met" };
    case "sampling/createMessage": {
      if (declared.sampling === undefined) return missing({ sampling: has("tools") ? { tools: {} } : {} });
      return has("tools") && declared.sampling.tools === undefined
        ? missing({ sampling: { tools: {} } })
        : { kind: "met" };
    }
    case "elicitation/create": {
      const url = params !== undefined && findString(bytes, params.start, ["mode"]) === "url";
      const { elicitation } = declared;
      if (url) return elicitation?.url === undefined ? missing({ elicitation: { url: {} } }) : { kind: "met" };
      // `{}` means forms, as before there were modes.
      const forms = elicitation !== undefined && (elicitation.form !== undefined || elicitation.url === undefined);
      return forms ? { kind: "met" } : missing({ elicitation: elicitation === undefined ? {} : { form: {} } });
    }
    default:
      return { kind: "unknown method" };
  }
}

function missing(required: Capabilities): Need {
  return { kind: "missing", required };
}
