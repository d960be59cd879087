import type { Load } from "./load.ts";

/** One column of the table. */
export interface Scenario {
  readonly name: string;
  readonly title: string;
  /** What its value is: a median latency, or calls per second. */
  readonly measure: "latency" | "rate";
  readonly load: Load;
}

const KIB = 1024;

const SERIAL = { kind: "serial", sessions: 1, timeoutMs: 15_000 } as const;

/** @param effort 1 for the full length; less for a quick look. */
export function scenarios(effort: number): readonly Scenario[] {
  const some = (calls: number): number => Math.max(3, Math.round(calls * effort));
  // A host that is not warm is measured at its compiler's work: warming is cut last.
  const warm = (calls: number): number => Math.round(calls * Math.sqrt(effort));
  return [
    {
      name: "1k",
      title: "1 KB, one in flight",
      measure: "latency",
      load: { ...SERIAL, payloadBytes: KIB, warmCalls: warm(300), warmMs: 2_000, calls: some(1_000), measureMs: 4_000 },
    },
    {
      name: "64k",
      title: "64 KB",
      measure: "latency",
      load: {
        ...SERIAL,
        payloadBytes: 64 * KIB,
        warmCalls: warm(80),
        warmMs: 1_500,
        calls: some(300),
        measureMs: 4_000,
      },
    },
    {
      name: "1m",
      title: "1 MB",
      measure: "latency",
      load: {
        ...SERIAL,
        payloadBytes: KIB * KIB,
        warmCalls: warm(8),
        warmMs: 1_500,
        calls: some(40),
        measureMs: 4_000,
      },
    },
    {
      name: "32x1",
      title: "32 × 1 calls/s",
      measure: "rate",
      load: {
        ...SERIAL,
        sessions: 32,
        payloadBytes: KIB,
        warmCalls: Number.MAX_SAFE_INTEGER,
        warmMs: warm(500),
        calls: Number.MAX_SAFE_INTEGER,
        measureMs: 2_000 * effort,
        // A lost answer holds up its session; it must not hold up the run.
        timeoutMs: 3_000,
      },
    },
    {
      name: "burst",
      title: "burst of 1,000 calls/s",
      measure: "rate",
      load: {
        kind: "burst",
        sessions: 1,
        payloadBytes: KIB,
        warmCalls: 1_000,
        warmMs: 0,
        calls: 1_000,
        measureMs: 0,
        timeoutMs: 20_000,
      },
    },
  ];
}
