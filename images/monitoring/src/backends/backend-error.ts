/** What kind of fault it was, for those who decide on it. */
export type Fault = "refused" | "unknown_host" | "timeout" | "broken" | "status" | "too_large" | "unexpected";

/** A backend that did not do what it was asked for: which one, where, what happened, what to do. */
export class BackendError extends Error {
  readonly fault: Fault;
  /** The HTTP status, if it came that far. */
  readonly status: number | undefined;
  /** What the backend said about it, on one line. */
  readonly said: string | undefined;

  constructor(fault: Fault, message: string, answer: { status?: number; said?: string } = {}) {
    super(message);
    this.fault = fault;
    this.status = answer.status;
    this.said = answer.said;
  }
}

/** An error that a tool shows as it is. Anything else is a fault of ours. */
export class ToolError extends Error {}

const codeOf = (error: unknown): string => {
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  if (typeof code === "string") return code;
  return typeof cause === "object" && cause !== null ? codeOf(cause) : "";
};

const textOf = (error: unknown): string => {
  const { message, cause } = error as { message?: string; cause?: { message?: string } };
  return cause?.message || message || String(error);
};

/** Says why no answer came. `subject` is for example "Loki at http://loki:3100", `remedy` how to set its address. */
export function noAnswer(error: unknown, subject: string, address: string): BackendError {
  const code = codeOf(error);
  switch (code) {
    case "ECONNREFUSED":
      return new BackendError(
        "refused",
        `${subject} refuses connections: nothing listens there. Start it, or correct ${address}.`,
      );
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return new BackendError(
        "unknown_host",
        `${subject} cannot be found: no host of that name answers here. Start its container, put it on this server's network, or correct ${address}.`,
      );
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return new BackendError(
        "unknown_host",
        `${subject} cannot be reached: there is no way to that address from here. Put it on this server's network, or correct ${address}.`,
      );
    case "ECONNRESET":
    case "EPIPE":
    case "UND_ERR_SOCKET":
      return new BackendError(
        "broken",
        `${subject} broke the connection off before its answer was complete. It may be restarting: try again shortly.`,
      );
    default:
      return new BackendError(
        "broken",
        `${subject} could not be asked: ${textOf(error)}${code === "" ? "" : ` (${code})`}. Check ${address}.`,
      );
  }
}
