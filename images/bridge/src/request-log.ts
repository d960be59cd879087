import type { Log } from "./log.ts";
import { type RequestLog, shownId, shownName } from "./request-watch.ts";
import { parseTraceparent, traceOfBody } from "./trace-context.ts";

/**
 * One line for each request that is over, at level info.
 * @param payloadBytes how much of its parameters and of its answer the line may hold; 0 for nothing of them.
 */
export function requestLog(log: Log, payloadBytes: number): RequestLog {
  return (start, { outcome, answer, error, durationMs, span }) => {
    const { message, tool, session, trace } = start;
    const { bytes, params } = message;
    const traceparent = (traceOfBody(message) ?? trace)?.traceparent;
    const traceId = span?.traceId ?? (traceparent === undefined ? undefined : parseTraceparent(traceparent)?.traceId);
    log("info", "request", {
      ...(session === undefined ? {} : { session }),
      request: shownId(message.id ?? ""),
      method: shownName(message.method ?? ""),
      ...(tool === undefined ? {} : { tool: shownName(tool) }),
      outcome,
      ...(error === undefined ? {} : { code: Number(error.code) }),
      durationMs: Math.round(durationMs * 1_000) / 1_000,
      bytesIn: bytes.length,
      bytesOut: answer?.length ?? 0,
      ...(traceId === undefined ? {} : { traceId }),
      ...(span === undefined ? {} : { spanId: span.spanId }),
      ...(payloadBytes > 0 && params !== undefined
        ? { params: excerpt(bytes.subarray(params.start, params.end), payloadBytes) }
        : {}),
      ...(payloadBytes > 0 && answer !== undefined ? { answer: excerpt(answer, payloadBytes) } : {}),
    });
  };
}

function excerpt(bytes: Buffer, limit: number): string {
  return bytes.length > limit ? `${bytes.toString("utf8", 0, limit)}…` : bytes.toString("utf8");
}
