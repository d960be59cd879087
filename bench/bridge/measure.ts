import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { ClientJob, ClientReport } from "./client.ts";
import type { CpuTime, Host } from "./host.ts";
import type { LoadResult, Problems, Tally } from "./load.ts";
import type { Scenario } from "./scenarios.ts";
import { median, quantile } from "./statistics.ts";

/** What one subject did in one scenario of one repeat. */
export interface Sample {
  readonly subject: string;
  readonly scenario: string;
  readonly repeat: number;
  /** Median latency in ms, or calls per second; undefined if it could not be measured. */
  readonly value: number | undefined;
  /** The fastest tenth of the calls: on a busy machine those that met nobody else. */
  readonly p10Ms?: number;
  readonly p99Ms?: number;
  readonly calls?: number;
  readonly hostCpuUs?: number;
  readonly childCpuUs?: number;
  readonly tally?: Tally;
  /** What went wrong with calls, one of each kind. */
  readonly problems?: Problems;
  /** Why there is no value. */
  readonly problem?: string;
}

/** However a host behaves, a measurement is over after this long. */
const LONGEST_MS = 90_000;

/** Loads `host` as `scenario` says, from a process of its own. */
export async function measure(host: Host, scenario: Scenario, repeat: number): Promise<Sample> {
  const about = { subject: host.subject.name, scenario: scenario.name, repeat };
  try {
    const { result, before, after } = await load(host, scenario);
    const perCall = (nanoseconds: number): number => nanoseconds / 1_000 / Math.max(1, result.calls);
    const answered = result.latenciesMs.length;
    const value = scenario.measure === "latency" ? median(result.latenciesMs) : (answered * 1_000) / result.elapsedMs;
    return {
      ...about,
      value: answered === 0 ? undefined : value,
      ...(answered === 0 ? {} : { p10Ms: quantile(result.latenciesMs, 0.1) }),
      p99Ms: quantile(result.latenciesMs, 0.99),
      calls: result.calls,
      hostCpuUs: perCall(after.hostNs - before.hostNs),
      childCpuUs: perCall(after.childrenNs - before.childrenNs),
      tally: result.tally,
      problems: result.problems,
      ...(answered === 0 ? { problem: result.problems.lost ?? Object.values(result.problems)[0] ?? "no answer" } : {}),
    };
  } catch (error) {
    const said = host.lastWords;
    const reason = error instanceof Error ? error.message : String(error);
    return { ...about, value: undefined, problem: said === "" ? reason : `${reason}; it said: ${said}` };
  }
}

interface Measured {
  readonly result: LoadResult;
  readonly before: CpuTime;
  readonly after: CpuTime;
}

function load(host: Host, { load }: Scenario): Promise<Measured> {
  const client = fork(fileURLToPath(new URL("client.ts", import.meta.url)), {
    execArgv: [],
    serialization: "advanced",
  });
  let before: CpuTime = { hostNs: 0, childrenNs: 0 };
  let after = before;
  return new Promise<Measured>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not over after ${LONGEST_MS / 1000} s`)), LONGEST_MS);
    client.once("exit", (code, signal) => {
      clearTimeout(timer);
      reject(new Error(`the load client ended with ${code ?? signal}`));
    });
    client.on("message", (report: ClientReport) => {
      if (report.kind === "result") resolve({ result: report.result, before, after });
      else if (report.kind === "failed") reject(new Error(report.message));
      else {
        if (report.kind === "warm") before = host.cpu();
        else after = host.cpu();
        client.send("go on");
      }
    });
    client.send({ target: host.target, load } satisfies ClientJob);
  }).finally(() => client.kill("SIGKILL"));
}
