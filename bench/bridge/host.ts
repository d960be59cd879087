import { type ChildProcess, spawn } from "node:child_process";
import { createServer, connect as openSocket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Target } from "./client-session.ts";
import { openSession } from "./client-transports.ts";
import { alive, cpuNanoseconds, processTree, runs } from "./processes.ts";
import type { Subject } from "./subjects.ts";

const START_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 6_000;
/** Longest wait for the first session in one try. */
const PROBE_TIMEOUT_MS = 5_000;
/** Quiet is less than this much processor time in a period. */
const QUIET_NS = 4_000_000;
const QUIET_PERIOD_MS = 250;
const QUIET_TIMEOUT_MS = 8_000;
/** How much of a host's own words is kept, for the line that says why it did not work. */
const KEPT_OUTPUT = 2_000;

export interface CpuTime {
  /** Of the host, whatever it is made of. */
  readonly hostNs: number;
  /** Of the measured children. */
  readonly childrenNs: number;
}

/** Hosts that run: each in a process group of its own, so a signal to this process does not reach them. */
const running = new Set<Host>();

/** Ends all hosts at once, for an exit that leaves no time. */
export function killHosts(): void {
  for (const host of running) killAll(host.pids);
}

function killAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It went by itself just now.
    }
  }
}

/** A running host. */
export class Host {
  readonly subject: Subject;
  readonly port: number;
  readonly child: readonly string[];
  readonly #process: ChildProcess | undefined;
  #output = "";

  private constructor(subject: Subject, child: readonly string[], port: number) {
    this.subject = subject;
    this.child = child;
    this.port = port;
    const [command, ...args] = subject.command?.(port, child) ?? [];
    if (command === undefined) return;
    this.#process = spawn(command, args, {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...subject.env },
      detached: true,
    });
    running.add(this);
    this.#process.on("error", (error) => this.#keep(error.message));
    this.#process.stdout?.on("data", (chunk: Buffer) => this.#keep(chunk.toString()));
    this.#process.stderr?.on("data", (chunk: Buffer) => this.#keep(chunk.toString()));
  }

  /** Starts the subject with `child` behind it and waits until its port takes connections. */
  static async start(subject: Subject, child: readonly string[]): Promise<Host> {
    if (subject.unavailable !== undefined) throw new Error(subject.unavailable);
    const host = new Host(subject, child, subject.command === undefined ? 0 : await freePort());
    if (subject.command === undefined) return host;
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!(await accepts(host.port))) {
      const gone = host.#process?.exitCode !== null || host.#process?.signalCode !== null;
      if (gone || Date.now() > deadline) {
        await host.stop();
        throw new Error(`${gone ? "it ended" : "it took no connection in time"}: ${host.lastWords}`);
      }
      await sleep(25);
    }
    if (subject.transport === "echo") return host;
    const problem = await host.#untilServing(deadline);
    if (problem === undefined) return host;
    await host.stop();
    throw new Error(`${problem}: ${host.lastWords}`);
  }

  get target(): Target {
    const { transport, path, headers } = this.subject;
    return { transport, path, headers, port: this.port, command: this.child };
  }

  /** What it said last. */
  get lastWords(): string {
    return this.#output.trim().split("\n").slice(-3).join(" | ").slice(-400);
  }

  get pids(): number[] {
    return this.#process?.pid === undefined ? [] : processTree(this.#process.pid);
  }

  /** The measured children that it runs. */
  get children(): number[] {
    return this.pids.filter((pid) => runs(pid, this.child));
  }

  /** The host itself, whatever it is made of. */
  get own(): number[] {
    return this.pids.filter((pid) => !runs(pid, this.child));
  }

  cpu(): CpuTime {
    const sum = (pids: readonly number[]): number => pids.reduce((total, pid) => total + cpuNanoseconds(pid), 0);
    return { hostNs: sum(this.own), childrenNs: sum(this.children) };
  }

  /** Waits until neither it nor its children do anything: starts in the background are over. */
  async quiet(): Promise<void> {
    const deadline = Date.now() + QUIET_TIMEOUT_MS;
    for (let before = -1; Date.now() < deadline; await sleep(QUIET_PERIOD_MS)) {
      const { hostNs, childrenNs } = this.cpu();
      if (hostNs + childrenNs - before < QUIET_NS) return;
      before = hostNs + childrenNs;
    }
  }

  /** Ends it; resolves with the number of processes that it left behind, which are ended too. */
  async stop(): Promise<number> {
    const pid = this.#process?.pid;
    if (this.#process === undefined || pid === undefined) {
      running.delete(this);
      return 0;
    }
    const tree = this.pids;
    if (this.#process.exitCode === null && this.#process.signalCode === null) this.#process.kill("SIGTERM");
    const deadline = Date.now() + STOP_TIMEOUT_MS;
    while (tree.some(alive) && Date.now() < deadline) await sleep(20);
    const left = tree.filter(alive);
    killAll(left);
    running.delete(this);
    return left.length;
  }

  /** A port that takes connections need not serve yet: tries until a session can be opened; else says why not. */
  async #untilServing(deadline: number): Promise<string | undefined> {
    for (;;) {
      const session = openSession(this.target);
      try {
        await session.open(PROBE_TIMEOUT_MS);
        return undefined;
      } catch (error) {
        if (Date.now() > deadline) return error instanceof Error ? error.message : String(error);
        await sleep(200);
      } finally {
        await session.close();
      }
    }
  }

  #keep(text: string): void {
    this.#output = (this.#output + text).slice(-KEPT_OUTPUT);
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = openSocket(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
