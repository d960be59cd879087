import { z } from "zod";
import type { BackendConfig } from "../config.ts";
import type { TimeRange } from "../time/range.ts";
import { BackendError, ToolError } from "./backend-error.ts";
import { HttpBackend } from "./http-backend.ts";

export type Labels = Readonly<Record<string, string>>;
/** Nanoseconds since 1970, as Loki writes them, and the line. */
export type LogLine = readonly [ns: string, line: string];
export interface LogStream {
  readonly labels: Labels;
  readonly lines: readonly LogLine[];
}
export interface Samples {
  readonly labels: Labels;
  /** Seconds since 1970; NaN and infinities are possible. */
  readonly values: readonly (readonly [at: number, value: number])[];
}
export type QueryAnswer =
  | { readonly kind: "logs"; readonly streams: readonly LogStream[] }
  | { readonly kind: "metrics"; readonly series: readonly Samples[] };

export interface RangeQuery {
  readonly query: string;
  readonly range: TimeRange;
  readonly limit: number;
  readonly newestFirst: boolean;
  readonly stepSeconds: number;
}

const MAX_BYTES = 8 * 1_048_576;

const labels = z.record(z.string(), z.string());
const sample = z.tuple([z.number(), z.string()]);
const rangeAnswer = z.object({
  data: z.discriminatedUnion("resultType", [
    z.object({
      resultType: z.literal("streams"),
      // A third element may hold metadata that was asked for; we do not.
      result: z.array(
        z.object({ stream: labels, values: z.array(z.tuple([z.string(), z.string()]).rest(z.unknown())) }),
      ),
    }),
    z.object({
      resultType: z.literal("matrix"),
      result: z.array(z.object({ metric: labels, values: z.array(sample) })),
    }),
  ]),
});
const instantAnswer = z.object({
  data: z.object({
    resultType: z.literal("vector"),
    result: z.array(z.object({ metric: labels, value: sample })),
  }),
});
const labelAnswer = z.object({ data: z.array(z.string()).nullish() });
const buildInfo = z.object({ version: z.string() });

/** Loki's HTTP API, as far as it is needed. */
export class Loki {
  readonly #http: HttpBackend;

  constructor(config: BackendConfig, timeoutMs: number) {
    this.#http = new HttpBackend(config, timeoutMs);
  }

  get url(): string {
    return this.#http.url;
  }

  async query(
    { query, range, limit, newestFirst, stepSeconds }: RangeQuery,
    signal?: AbortSignal,
  ): Promise<QueryAnswer> {
    const params = {
      query,
      start: nanoseconds(range.from),
      end: nanoseconds(range.to),
      limit,
      direction: newestFirst ? "backward" : "forward",
      step: `${stepSeconds}s`,
    };
    const ask = { params, signal, maxBytes: MAX_BYTES };
    const { data } = await this.#judged(query, this.#http.json("/loki/api/v1/query_range", rangeAnswer, ask));
    if (data.resultType === "streams") {
      const streams = data.result.map(({ stream, values }) => ({
        labels: stream,
        lines: values.map(([ns, line]): LogLine => [ns, line]),
      }));
      return { kind: "logs", streams };
    }
    const series = data.result.map(({ metric, values }) => ({
      labels: metric,
      values: values.map(([at, value]) => [at, Number(value)] as const),
    }));
    return { kind: "metrics", series };
  }

  /** The value of a metric query at one time, for each set of labels. */
  async instant(query: string, at: Date, signal?: AbortSignal): Promise<{ labels: Labels; value: number }[]> {
    const ask = { params: { query, time: nanoseconds(at) }, signal, maxBytes: MAX_BYTES };
    const { data } = await this.#judged(query, this.#http.json("/loki/api/v1/query", instantAnswer, ask));
    return data.result.map(({ metric, value: [, value] }) => ({ labels: metric, value: Number(value) }));
  }

  /** The values that a label has within a time range. */
  async labelValues(label: string, range: TimeRange, signal?: AbortSignal): Promise<string[]> {
    const params = { start: nanoseconds(range.from), end: nanoseconds(range.to) };
    const path = `/loki/api/v1/label/${encodeURIComponent(label)}/values`;
    const { data } = await this.#http.json(path, labelAnswer, { params, signal, maxBytes: MAX_BYTES });
    return (data ?? []).toSorted();
  }

  /** Resolves if it takes queries. */
  async ready(timeoutMs: number, signal?: AbortSignal): Promise<void> {
    const ask = { signal, timeoutMs, maxBytes: MAX_BYTES };
    try {
      await this.#http.text("/ready", ask);
    } catch (error) {
      // A gateway in front of it may only pass on its API.
      if (!(error instanceof BackendError) || error.status !== 404) throw error;
      await this.#http.json("/loki/api/v1/labels", labelAnswer, ask);
    }
  }

  async version(timeoutMs: number, signal?: AbortSignal): Promise<string> {
    const ask = { signal, timeoutMs, maxBytes: MAX_BYTES };
    return (await this.#http.json("/loki/api/v1/status/buildinfo", buildInfo, ask)).version;
  }

  /** Tells a query that Loki does not take from a Loki that does not answer. */
  async #judged<T>(query: string, answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      if (!(error instanceof BackendError) || error.status !== 400) throw error;
      throw new ToolError(`Loki does not take this query: ${error.said}\nThe query was: ${query}`);
    }
  }
}

/** Loki takes times in nanoseconds. */
const nanoseconds = (time: Date): string => `${time.getTime()}000000`;
