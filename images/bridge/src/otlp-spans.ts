import {
  type Attributes,
  type Context,
  createTraceState,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { findString } from "./json-spans.ts";
import { type RequestEnd, type RequestSpan, type RequestStart, shownId, shownName } from "./request-watch.ts";
import { formatTraceparent, parseTraceparent, type TraceCarrier, traceOfBody } from "./trace-context.ts";

/**
 * One server span for each MCP request, by OpenTelemetry's conventions for MCP
 * (https://opentelemetry.io/docs/specs/semconv/gen-ai/mcp), with three exceptions, so that no payload and no
 * credential leaves the bridge: the session is our tag of it, resource URIs are left out, and what a server says
 * about its error is left out unless payloads are wanted.
 */
export function startSpan(tracer: Tracer, start: RequestStart, payloads: boolean): RequestSpan {
  const own = traceOfBody(start.message);
  const around = contextOf(start.trace);
  const parent = contextOf(own) ?? around;
  // The request's own context is the parent; that of the transport, where it is another, is linked to.
  const linked = around !== undefined && around !== parent && around.spanId !== parent?.spanId;
  const target = targetOf(start);
  const method = shownName(start.message.method ?? "");
  const span = tracer.startSpan(
    target === undefined ? method : `${method} ${target}`,
    {
      kind: SpanKind.SERVER,
      attributes: attributesOf(start, method, target),
      ...(linked ? { links: [{ context: around }] } : {}),
    },
    parent === undefined ? ROOT_CONTEXT : within(parent),
  );
  const { traceId, spanId, traceFlags, traceState } = span.spanContext();
  const tracestate = traceState?.serialize() ?? "";
  return {
    traceId,
    spanId,
    carrier: {
      traceparent: formatTraceparent({ traceId, spanId, flags: traceFlags }),
      ...(tracestate === "" ? {} : { tracestate }),
      ...(start.trace?.baggage === undefined ? {} : { baggage: start.trace.baggage }),
    },
    end: (end) => endSpan(span, end, payloads),
  };
}

function contextOf(carrier: TraceCarrier | undefined): SpanContext | undefined {
  const parent = carrier?.traceparent === undefined ? undefined : parseTraceparent(carrier.traceparent);
  if (parent === undefined) return undefined;
  const { traceId, spanId, flags } = parent;
  const state = carrier?.tracestate === undefined ? {} : { traceState: createTraceState(carrier.tracestate) };
  return { traceId, spanId, traceFlags: flags & 1, isRemote: true, ...state };
}

function within(parent: SpanContext): Context {
  return trace.setSpanContext(ROOT_CONTEXT, parent);
}

/** What the span is about, beside its method: the tool or the prompt. */
function targetOf({ message, tool }: RequestStart): string | undefined {
  const { bytes, params, method } = message;
  if (method !== "prompts/get" || params === undefined) return tool === undefined ? undefined : shownName(tool);
  const prompt = findString(bytes, params.start, ["name"]);
  return prompt === undefined ? undefined : shownName(prompt);
}

function attributesOf(
  { message, session, protocolVersion }: RequestStart,
  method: string,
  target?: string,
): Attributes {
  return {
    "mcp.method.name": method,
    "jsonrpc.request.id": shownId(message.id ?? ""),
    ...(session === undefined ? {} : { "mcp.session.id": session }),
    ...(protocolVersion === undefined ? {} : { "mcp.protocol.version": protocolVersion }),
    ...(message.method === "tools/call" ? { "gen_ai.operation.name": "execute_tool" } : {}),
    ...(target === undefined
      ? {}
      : { [message.method === "prompts/get" ? "gen_ai.prompt.name" : "gen_ai.tool.name"]: target }),
    "network.transport": "tcp",
    "network.protocol.name": "http",
  };
}

/** Neither is a failure: a client may change its mind, and may be asked for more. */
const NO_FAILURE: ReadonlySet<string> = new Set(["ok", "cancelled", "input_required"]);

function endSpan(span: Span, { outcome, error }: RequestEnd, payloads: boolean): void {
  span.setAttribute("mcp.bridge.outcome", outcome);
  if (error !== undefined) span.setAttribute("rpc.response.status_code", error.code);
  if (!NO_FAILURE.has(outcome)) {
    const servers = outcome === "error";
    // The code says it where the server gave one; the bridge's own codes say less than the outcome.
    span.setAttribute("error.type", servers ? (error?.code ?? "_OTHER") : outcome);
    const message = error !== undefined && (payloads || !servers) ? { message: error.message } : {};
    span.setStatus({ code: SpanStatusCode.ERROR, ...message });
  }
  span.end();
}
