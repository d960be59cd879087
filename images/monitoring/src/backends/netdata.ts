import { z } from "zod";
import type { BackendConfig } from "../config.ts";
import type { TimeRange } from "../time/range.ts";
import { BackendError } from "./backend-error.ts";
import { HttpBackend } from "./http-backend.ts";

const chart = z.object({
  id: z.string(),
  /** First part of the id; for a container `cgroup_<id or name>`. */
  type: z.string(),
  family: z.string(),
  /** What it measures, whichever disk or container it is of: `system.cpu`, `cgroup.mem_usage`. */
  context: z.string(),
  title: z.string(),
  units: z.string(),
  /** Seconds since 1970 of the last value. */
  last_entry: z.number(),
  update_every: z.number(),
});
export type Chart = Readonly<z.output<typeof chart>>;

/** Texts that are not there for every alarm. */
const text = z
  .string()
  .nullish()
  .transform((value) => value ?? "");
const alarm = z.object({
  name: z.string(),
  chart: z.string(),
  status: z.string(),
  value_string: text,
  info: text,
  last_status_change: z.number(),
});
export type Alarm = Readonly<z.output<typeof alarm>>;

const chartsAnswer = z.object({ charts: z.record(z.string(), chart) });
const alarmsAnswer = z.object({ alarms: z.record(z.string(), alarm) });
const infoAnswer = z.object({ version: z.string() });
const dataAnswer = z.object({
  labels: z.array(z.string()),
  data: z.array(z.array(z.number().nullable())),
});

/** Values of a chart's dimensions over time, oldest first. */
export interface ChartData {
  readonly dimensions: readonly string[];
  readonly rows: readonly { readonly at: number; readonly values: readonly (number | null)[] }[];
}

/** What to read of a chart. */
export interface DataAsk {
  readonly range: TimeRange;
  readonly points: number;
  /** How values are made one where there are more than asked for; least and most are told by size, whatever the sign. */
  readonly grouping: "average" | "min" | "max";
}

/** A host with thousands of charts lists them in some megabytes. */
const MAX_BYTES = 24 * 1_048_576;
/** The list changes when a disk or a container comes: rarely, and it is large. */
const CHARTS_AGE_MS = 5_000;

/** Version 1 of Netdata's HTTP API, which 1.37 and 2.x both serve. */
export class Netdata {
  readonly #http: HttpBackend;
  #charts: { readonly at: number; readonly list: Promise<readonly Chart[]> } | undefined;

  constructor(config: BackendConfig, timeoutMs: number) {
    this.#http = new HttpBackend(config, timeoutMs);
  }

  get url(): string {
    return this.#http.url;
  }

  /** All charts. Whoever asks while the list is being fetched, or soon after, gets the same one. */
  charts(): Promise<readonly Chart[]> {
    if (this.#charts !== undefined && Date.now() - this.#charts.at < CHARTS_AGE_MS) return this.#charts.list;
    const list = this.#http
      .json("/api/v1/charts", chartsAnswer, { maxBytes: MAX_BYTES })
      .then(({ charts }) => Object.values(charts));
    const entry = { at: Date.now(), list };
    this.#charts = entry;
    list.catch(() => {
      if (this.#charts === entry) this.#charts = undefined;
    });
    return list;
  }

  /** A chart's values, made `points` of; without rows where it has none in that time. */
  async data({ id, units }: Chart, { range, points, grouping }: DataAsk, signal?: AbortSignal): Promise<ChartData> {
    // What goes out is drawn downwards, as a negative rate.
    const absolute = units.endsWith("/s") ? ",absolute" : "";
    const params = {
      chart: id,
      after: Math.floor(range.from.getTime() / 1_000),
      before: Math.floor(range.to.getTime() / 1_000),
      points,
      group: grouping,
      format: "json",
      // Aligned ones may lie beside the range that was asked for.
      options: `seconds,unaligned${absolute}`,
    };
    try {
      const { labels, data } = await this.#http.json("/api/v1/data", dataAnswer, {
        params,
        signal,
        maxBytes: MAX_BYTES,
      });
      const rows = data.map(([at, ...values]) => ({ at: at ?? 0, values }));
      return { dimensions: labels.slice(1), rows: rows.toSorted((a, b) => a.at - b.at) };
    } catch (error) {
      // Also its answer for a chart that has no values in that time.
      if (error instanceof BackendError && error.status === 404) return { dimensions: [], rows: [] };
      throw error;
    }
  }

  /** Alarms that are raised, or all that there are. */
  async alarms(which: "raised" | "all", signal?: AbortSignal): Promise<Alarm[]> {
    const path = which === "all" ? "/api/v1/alarms?all" : "/api/v1/alarms";
    const { alarms } = await this.#http.json(path, alarmsAnswer, { signal, maxBytes: MAX_BYTES });
    return Object.values(alarms).map((it) => ({ ...it, info: withoutEntities(it.info) }));
  }

  async version(timeoutMs: number, signal?: AbortSignal): Promise<string> {
    return (await this.#http.json("/api/v1/info", infoAnswer, { signal, timeoutMs, maxBytes: MAX_BYTES })).version;
  }
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&#x27;": "'",
  "&#x2F;": "/",
  "&amp;": "&",
};
/** 1.37 writes its texts as for a page. */
const withoutEntities = (text: string) => text.replaceAll(/&(lt|gt|quot|amp|#x27|#x2F);/g, (it) => ENTITIES[it] ?? it);
