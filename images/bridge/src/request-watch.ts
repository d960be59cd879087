import type { Message } from "./envelope.ts";
import { findPath, findString, skipSpace } from "./json-spans.ts";
import type { Outcome } from "./metrics.ts";
import { type TraceCarrier, withTrace } from "./trace-context.ts";

/** A client's request, when it has come. */
export interface RequestStart {
  readonly message: Message;
  /** Of `tools/call`. */
  readonly tool: string | undefined;
  /** Tag of the session, never its id; undefined without sessions. */
  readonly session: string | undefined;
  /** Agreed, or named by the request; undefined in `initialize`. */
  readonly protocolVersion: string | undefined;
  /** What its HTTP request carries. */
  readonly trace: TraceCarrier | undefined;
}

/** `input_required` ends a request of 2026-07-28, while its call goes on. */
export type RequestOutcome = Outcome | "input_required";

/** How it ended. */
export interface RequestEnd {
  readonly outcome: RequestOutcome;
  /** The answer, if there was one. */
  readonly answer: Buffer | undefined;
  readonly error: { readonly code: string; readonly message: string } | undefined;
}

/** A request that is being looked at. */
export interface Watched {
  /** What the server is told of the trace, in place of what the client said; undefined to leave that. */
  readonly carrier: TraceCarrier | undefined;
  /** Says once how it ended. */
  end(outcome: RequestOutcome, answer?: Buffer): void;
}

/** Looks at every request: for the log, for a trace. There is none while nobody wants to see. */
export interface RequestWatch {
  begin(start: RequestStart): Watched;
  /** Sends off what is left; resolves after `timeoutMs` at the latest. */
  close(timeoutMs: number): Promise<void>;
}

/** One span of a tracer. */
export interface RequestSpan {
  readonly carrier: TraceCarrier;
  readonly traceId: string;
  readonly spanId: string;
  end(end: RequestEnd): void;
}

export interface RequestTracer {
  start(start: RequestStart): RequestSpan;
  close(timeoutMs: number): Promise<void>;
}

/** Told of each request once it is over. */
export type RequestLog = (
  start: RequestStart,
  end: RequestEnd & { readonly durationMs: number; readonly span: RequestSpan | undefined },
) => void;

/** @param to at least one of them. */
export function watchRequests(to: {
  readonly log: RequestLog | undefined;
  readonly tracer: RequestTracer | undefined;
}): RequestWatch {
  const { log, tracer } = to;
  return {
    begin: (start) => {
      const startedAt = performance.now();
      const span = tracer?.start(start);
      let over = false;
      return {
        carrier: span?.carrier,
        end: (outcome, answer) => {
          if (over) return;
          over = true;
          const end = {
            outcome,
            answer,
            error: outcome === "ok" || answer === undefined ? undefined : errorOf(answer),
          };
          span?.end(end);
          log?.(start, { ...end, durationMs: performance.now() - startedAt, span });
        },
      };
    },
    close: async (timeoutMs) => tracer?.close(timeoutMs),
  };
}

function errorOf(answer: Buffer): RequestEnd["error"] {
  const start = skipSpace(answer, 0);
  const code = findPath(answer, start, ["error", "code"]);
  if (code === undefined) return undefined;
  const message = findString(answer, start, ["error", "message"]) ?? "";
  // A server may write what it likes there.
  return {
    code: answer.toString("latin1", code.start, Math.min(code.end, code.start + 16)),
    message: bounded(message, 256),
  };
}

/** A request as its server gets it; the very same bytes if nobody traces. */
export function traced(bytes: Buffer, watched: Watched | undefined, headers: TraceCarrier | undefined): Buffer {
  if (watched?.carrier !== undefined) return withTrace(bytes, watched.carrier, true);
  return headers === undefined ? bytes : withTrace(bytes, headers);
}

/** Longest name of a tool or prompt (as MCP advises), and of all else that a client makes up. */
const MAX_NAME = 128;
const MAX_ID = 64;

function bounded(text: string, max: number): string {
  return text.length > max ? `${text.slice(0, max)}…` : text;
}

/** What a client wrote as a name, for logs and spans. */
export function shownName(name: string): string {
  return bounded(name, MAX_NAME);
}

/** A request's id for logs and spans: strings without their quotes, none longer than 64 characters. */
export function shownId(id: string): string {
  return bounded(id.startsWith('"') ? (JSON.parse(id) as string) : id, MAX_ID);
}
