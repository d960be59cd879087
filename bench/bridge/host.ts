import { type ChildProcess, spawn } from "node:child_process";
import { createServer, connect as openSocket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Target } from "./client-session.ts";
import { alive, cpuNanoseconds, processTree, runs } from "./processes.ts";
import type { Subject } from "./subjects.ts";

const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 6_000;
/** How much of a host's own words is kept, for the line that says why it did not work. */
const KEPT_OUTPUT = 2_000;

export interface CpuTime {
  /** Of the host, whatever it is made of. */
  readonly hostNs: number;
  /** Of the measured children. */
  readonly childrenNs: number;
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
    this.#process.on("error", (error) => this.#keep(error.message));
    this.#process.stdout?.on("data", (chunk: Buffer) => this.#keep(chunk.toString()));
    this.#process.stderr?.on("data", (chunk: Buffer) => this.#keep(chunk.toString()));
  }

  /** Starts the subject with `child` behind it and waits until its port takes connections. */
  static async start(subject: Subject, child: readonly string[]): Promise<Host> {
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
    return host;
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

  cpu(): CpuTime {
    let hostNs = 0;
    let childrenNs = 0;
    for (const pid of this.pids) {
      if (runs(pid, this.child)) childrenNs += cpuNanoseconds(pid);
      else hostNs += cpuNanoseconds(pid);
    }
    return { hostNs, childrenNs };
  }

  /** Ends it; resolves with the number of processes that it left behind, which are ended too. */
  async stop(): Promise<number> {
    const pid = this.#process?.pid;
    if (this.#process === undefined || pid === undefined) return 0;
    const tree = this.pids;
    if (this.#process.exitCode === null && this.#process.signalCode === null) this.#process.kill("SIGTERM");
    const deadline = Date.now() + STOP_TIMEOUT_MS;
    while (tree.some(alive) && Date.now() < deadline) await sleep(20);
    const left = tree.filter(alive);
    for (const each of left) {
      try {
        process.kill(each, "SIGKILL");
      } catch {
        // It went by itself just now.
      }
    }
    return left.length;
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
