import type { ClientSession, Target } from "./client-session.ts";
import { closeConnections, openSession } from "./client-transports.ts";
import { checkAnswer, describeAnswer, echoCall, type Verdict } from "./messages.ts";

/** One measurement. */
export interface Load {
  /** `serial`: one call after the other in each session; `burst`: all at once in one session. */
  readonly kind: "serial" | "burst";
  readonly sessions: number;
  readonly payloadBytes: number;
  /** Calls before the clock runs, for each session, and at most for how long. */
  readonly warmCalls: number;
  readonly warmMs: number;
  /** Calls that are measured, for each session (of a burst: together), and at most for how long. */
  readonly calls: number;
  readonly measureMs: number;
  /** Longest wait for one answer. */
  readonly timeoutMs: number;
}

/** What became of the calls, warm-up included. */
export type Tally = Record<Verdict | "duplicated", number>;

export type Problems = Partial<Record<Verdict, string>>;

export interface LoadResult {
  /** Of the measured calls that were answered rightly, in the order of their ends. */
  readonly latenciesMs: readonly number[];
  /** Measured calls, answered rightly or not. */
  readonly calls: number;
  readonly elapsedMs: number;
  readonly tally: Tally;
  /** What was said to the first call of each kind that went wrong. */
  readonly problems: Problems;
}

/** Told to the starter, which reads the host's processor time at these moments. */
export interface Gate {
  warm(): Promise<void>;
  measured(): Promise<void>;
}

/** At least so many calls are measured, however slow the host. */
const LEAST_CALLS = 3;
const OPEN_TIMEOUT_MS = 20_000;

/** Opens the sessions, warms up, measures, closes. */
export async function runLoad(target: Target, load: Load, gate: Gate): Promise<LoadResult> {
  const runner = new Runner(target, load);
  try {
    await runner.open();
    await runner.run(load.warmCalls, load.warmMs, false);
    await gate.warm();
    const started = performance.now();
    await runner.run(load.calls, load.measureMs, true);
    const elapsedMs = performance.now() - started;
    await gate.measured();
    return runner.result(elapsedMs);
  } finally {
    await runner.close();
    closeConnections();
  }
}

class Runner {
  readonly #target: Target;
  readonly #load: Load;
  readonly #sessions: ClientSession[] = [];
  readonly #latencies: number[] = [];
  readonly #tally: Tally = { ok: 0, lost: 0, "wrong session": 0, altered: 0, error: 0, duplicated: 0 };
  readonly #problems: Problems = {};
  #calls = 0;
  /** Last id of each session: the same ids in all of them. */
  readonly #lastIds: number[] = [];

  constructor(target: Target, load: Load) {
    this.#target = target;
    this.#load = load;
  }

  async open(): Promise<void> {
    // One after the other: a storm of starts is another question.
    for (let index = 0; index < this.#load.sessions; index++) {
      const session = openSession(this.#target);
      this.#sessions.push(session);
      if (this.#target.transport !== "echo") await session.open(OPEN_TIMEOUT_MS);
    }
  }

  async run(calls: number, longestMs: number, measured: boolean): Promise<void> {
    const [only] = this.#sessions;
    if (this.#load.kind === "burst" && only !== undefined) {
      await Promise.all(Array.from({ length: calls }, () => this.#call(only, 0, measured)));
      return;
    }
    const until = performance.now() + longestMs;
    await Promise.all(
      this.#sessions.map(async (session, index) => {
        for (let done = 0; done < calls; done++) {
          if (done >= LEAST_CALLS && performance.now() > until) break;
          await this.#call(session, index, measured);
        }
      }),
    );
  }

  result(elapsedMs: number): LoadResult {
    for (const { duplicated, stray } of this.#sessions) {
      this.#tally.duplicated += duplicated;
      this.#tally["wrong session"] += stray;
    }
    return {
      latenciesMs: this.#latencies,
      calls: this.#calls,
      elapsedMs,
      tally: this.#tally,
      problems: this.#problems,
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.#sessions.map((session) => session.close()));
  }

  async #call(session: ClientSession, index: number, measured: boolean): Promise<void> {
    const id = (this.#lastIds[index] ?? 0) + 1;
    this.#lastIds[index] = id;
    const call = echoCall(`s${index}`, id, this.#load.payloadBytes);
    const started = performance.now();
    const { at, message, problem } = await session.call(id, call.body, this.#load.timeoutMs);
    const verdict = message === undefined ? "lost" : checkAnswer(message, call);
    this.#tally[verdict]++;
    if (verdict !== "ok") this.#problems[verdict] ??= problem ?? describeAnswer(message, call);
    if (!measured) return;
    this.#calls++;
    if (verdict === "ok" || verdict === "altered") this.#latencies.push(at - started);
  }
}
