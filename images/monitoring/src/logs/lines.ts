import type { Labels, LogStream } from "../backends/loki.ts";

/** Bytes of all lines of one answer: what fits a model's context, with room for more. */
const MAX_BYTES = 48 * 1024;
/** Characters of one line. */
const MAX_LINE = 2_000;

export interface Entry {
  /** ISO, to the nanosecond as Loki has it. */
  readonly time: string;
  /** Index of its labels. */
  readonly stream: number;
  readonly line: string;
}

/** The lines of an answer that fit, and what did not. */
export interface Lines {
  readonly streams: readonly Labels[];
  readonly entries: readonly Entry[];
  /** Lines whose end is left out. */
  readonly shortened: number;
  /** Why there are fewer lines than there could be. */
  readonly cut: "limit" | "bytes" | undefined;
}

/** Nanoseconds since 1970 as an ISO time with all its digits. */
export function isoOf(ns: string): string {
  const padded = ns.padStart(10, "0");
  const seconds = Number(padded.slice(0, -9));
  return `${new Date(seconds * 1_000).toISOString().slice(0, -5)}.${padded.slice(-9)}Z`;
}

/**
 * Lines of all streams in one order. At most `limit` of them, and of these as many as fit; `streams` may hold one more,
 * which tells that there are more.
 */
export function collectLines(
  streams: readonly LogStream[],
  { limit, newestFirst }: { limit: number; newestFirst: boolean },
): Lines {
  const all = streams.flatMap(({ lines }, stream) => lines.map(([ns, line]) => ({ ns, stream, line })));
  // Numbers of the same length compare as texts do.
  all.sort((a, b) => (a.ns === b.ns ? 0 : a.ns < b.ns === newestFirst ? 1 : -1));
  const entries: Entry[] = [];
  const used = new Map<number, number>();
  let [bytes, shortened] = [0, 0];
  let cut: Lines["cut"] = all.length > limit ? "limit" : undefined;
  for (const { ns, stream, line } of all.slice(0, limit)) {
    const shown = line.length > MAX_LINE ? `${line.slice(0, MAX_LINE).toWellFormed()}…` : line;
    bytes += Buffer.byteLength(shown) + 40;
    if (bytes > MAX_BYTES) {
      cut = "bytes";
      break;
    }
    if (shown !== line) shortened++;
    const index = used.get(stream) ?? used.size;
    used.set(stream, index);
    entries.push({ time: isoOf(ns), stream: index, line: shown });
  }
  return { streams: [...used.keys()].map((index) => streams[index]?.labels ?? {}), entries, shortened, cut };
}
