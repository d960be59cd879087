import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import { BasicTracerProvider, BatchSpanProcessor, type SpanExporter } from "@opentelemetry/sdk-trace-base";
import type { Log } from "./log.ts";
import { startSpan } from "./otlp-spans.ts";
import type { RequestTracer } from "./request-watch.ts";

/** How often an exporter that fails is mentioned. */
const COMPLAIN_MS = 60_000;

export interface TracingOptions {
  /** Where spans are POSTed, path included. */
  readonly url: string;
  readonly server: string;
  readonly version: string;
  readonly payloads: boolean;
  readonly log: Log;
}

/**
 * Spans by OTLP over HTTP (JSON), sent in batches from a bounded queue; over it they are dropped. Sampler, limits,
 * queue, headers, certificates and time-outs are the standard `OTEL_*` variables, read by the packages themselves.
 * Imported only when tracing is on: nothing else may import this module or `otlp-spans.ts`.
 */
export function openTracing({ url, server, version, payloads, log }: TracingOptions): RequestTracer {
  const own = resourceFromAttributes({ "service.name": server, "service.version": version });
  const provider = new BasicTracerProvider({
    resource: own.merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [new BatchSpanProcessor(complainRarely(new OTLPTraceExporter({ url }), log))],
  });
  const tracer = provider.getTracer("mcp-bridge", version);
  return {
    start: (start) => startSpan(tracer, start, payloads),
    close: async (timeoutMs) => {
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, timeoutMs);
      await Promise.race([provider.shutdown().catch(() => {}), late]);
      clearTimeout(timer);
    },
  };
}

/** A collector that is away must disturb neither requests nor the log: it is mentioned once a minute. */
function complainRarely(exporter: SpanExporter, log: Log): SpanExporter {
  let lost = 0;
  let complainedAt = Number.NEGATIVE_INFINITY;
  return {
    export: (spans, done) =>
      exporter.export(spans, (result) => {
        if (result.code !== 0) {
          lost += spans.length;
          if (performance.now() - complainedAt >= COMPLAIN_MS) {
            log("warn", "spans_lost", { spans: lost, reason: result.error?.message.slice(0, 200) ?? "unknown" });
            complainedAt = performance.now();
            lost = 0;
          }
        }
        // The processor would report it once more, and otherwise.
        done({ code: 0 });
      }),
    shutdown: () => exporter.shutdown(),
  };
}
