import { LOG_LEVELS, type Log } from "./log.ts";
import type { Options } from "./options.ts";
import { requestLog } from "./request-log.ts";
import { type RequestTracer, type RequestWatch, watchRequests } from "./request-watch.ts";

/** What the options and the standard variables ask to see of each request; undefined, and no cost, if nothing. */
export async function openRequestWatch(
  options: Options,
  context: { readonly log: Log; readonly version: string; readonly env: NodeJS.ProcessEnv },
): Promise<RequestWatch | undefined> {
  const { logRequests, logPayloads, logLevel } = options;
  const wanted =
    (logRequests === "on" || logPayloads > 0) && LOG_LEVELS.indexOf(logLevel) <= LOG_LEVELS.indexOf("info");
  const log = wanted ? requestLog(context.log, logPayloads) : undefined;
  const tracer = await openTracer(options, context);
  return log === undefined && tracer === undefined ? undefined : watchRequests({ log, tracer });
}

async function openTracer(
  options: Options,
  { log, version, env }: { readonly log: Log; readonly version: string; readonly env: NodeJS.ProcessEnv },
): Promise<RequestTracer | undefined> {
  const url = tracesUrl(options);
  if (url === undefined) return undefined;
  const off = switchedOff(env);
  // By the host alone: a path can hold a key.
  const { host } = new URL(url);
  log("info", "tracing", off === undefined ? { to: host } : { off });
  if (off !== undefined) return undefined;
  const protocol = env.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL ?? env.OTEL_EXPORTER_OTLP_PROTOCOL;
  if (protocol === "grpc") {
    log("warn", "tracing_protocol", {
      protocol,
      remedy: "spans are sent as http/json; give a port that takes OTLP over HTTP, usually 4318",
    });
  }
  const { openTracing } = await import("./otlp-tracing.ts").catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    const remedy = "install the bridge's dependencies (npm ci), or leave the option out";
    throw new Error(`--otlp-endpoint: the OpenTelemetry packages cannot be loaded (${reason}); ${remedy}`);
  });
  return openTracing({ url, server: options.name, version, payloads: options.logPayloads > 0, log });
}

/** Of the two endpoints, that for traces is the whole URL, the general one its base (OTLP exporter, endpoint URLs). */
export function tracesUrl(options: Pick<Options, "otlpEndpoint" | "otlpTracesEndpoint">): string | undefined {
  if (options.otlpTracesEndpoint !== undefined) return options.otlpTracesEndpoint;
  return options.otlpEndpoint === undefined ? undefined : `${options.otlpEndpoint.replace(/\/+$/, "")}/v1/traces`;
}

/** The variable that says no, although there is an endpoint. */
function switchedOff(env: NodeJS.ProcessEnv): string | undefined {
  if (env.OTEL_SDK_DISABLED?.trim().toLowerCase() === "true") return "OTEL_SDK_DISABLED";
  const exporters = env.OTEL_TRACES_EXPORTER?.trim() ?? "";
  return exporters === "" || exporters.split(",").some((name) => name.trim() === "otlp")
    ? undefined
    : "OTEL_TRACES_EXPORTER";
}
