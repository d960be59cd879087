import { parseArgs } from "node:util";

export interface BenchOptions {
  /** Names of subjects; empty for all. */
  readonly only: readonly string[];
  /** Names of scenarios; empty for all. */
  readonly scenarios: readonly string[];
  readonly repeats: number;
  readonly json: string | undefined;
  readonly quick: boolean;
}

/** What can be named on the command line. */
export interface Known {
  readonly subjects: readonly string[];
  readonly scenarios: readonly string[];
}

export function helpText({ subjects, scenarios }: Known): string {
  return `Measures the bridge beside a bare relay, what is below that, and its peers.

usage: npm run bench -- bridge [options]

  --only A,B        hosts that are measured (default: all; the floor always is)
  --scenarios A,B   what is measured (default: all)
  --repeats N       interleaved repeats, 1 to 50 (default 9)
  --quick           a fraction of the load: a look, no measurement
  --json FILE       writes every sample and the summary there
  --help            this text

hosts:     ${subjects.join(", ")}
scenarios: ${scenarios.join(", ")}

Peers are installed on first use, pinned, into a folder of the cache. bench/README.md says how it is measured.`;
}

export type ParsedBench =
  | { readonly ok: true; readonly options: BenchOptions }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Reads the command line. */
export function parseBench(args: readonly string[], known: Known): ParsedBench {
  let values: Record<string, string | boolean | undefined>;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        only: { type: "string", default: "" },
        scenarios: { type: "string", default: "" },
        repeats: { type: "string", default: "9" },
        json: { type: "string" },
        quick: { type: "boolean", default: false },
      },
    }));
  } catch (error) {
    return { ok: false, problems: [error instanceof Error ? error.message : String(error)] };
  }
  const options: BenchOptions = {
    only: names(values.only),
    scenarios: names(values.scenarios),
    repeats: Number(values.repeats),
    json: typeof values.json === "string" ? values.json : undefined,
    quick: values.quick === true,
  };
  const { repeats } = options;
  const problems = [
    ...unknown("--only", options.only, known.subjects),
    ...unknown("--scenarios", options.scenarios, known.scenarios),
    ...(Number.isInteger(repeats) && repeats >= 1 && repeats <= 50
      ? []
      : [`--repeats is ${values.repeats}; allowed: a whole number from 1 to 50`]),
  ];
  return problems.length === 0 ? { ok: true, options } : { ok: false, problems };
}

function names(value: string | boolean | undefined): string[] {
  return String(value ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter(Boolean);
}

function unknown(flag: string, given: readonly string[], known: readonly string[]): string[] {
  return given
    .filter((name) => !known.includes(name))
    .map((name) => `${flag}: "${name}" is unknown; known: ${known.join(", ")}`);
}
