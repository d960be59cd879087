import { type ChildProcess as NodeChild, spawn } from "node:child_process";
import { readMessage } from "./envelope.ts";
import { LineSplitter } from "./lines.ts";
import type { Closure, Port, PortListener } from "./port.ts";

/** From closing stdin to SIGTERM, and from there to SIGKILL (MCP 2025-11-25, lifecycle: shutdown of stdio). */
export const TERM_AFTER_MS = 1_000;
export const KILL_AFTER_MS = 2_000;
/**
 * How often the pipe is looked into after the exit without finding anything, before it counts as empty. Its end may
 * never come, as a grandchild can hold it open for ever; but what the server wrote is in it since before the exit.
 */
const EMPTY_LOOKS = 3;
/** However much a grandchild writes on, its server has gone. */
const FLUSH_AFTER_EXIT_MS = 50;
/** What a spare may say before a session takes it. */
const MAX_EARLY_MESSAGES = 256;
/** Up to here a message is copied to stand beside its line end: one write costs less than two. */
const COPIED_BYTES = 16 * 1_024;
const LINE_FEED = 0x0a;
/** No client of ours chooses this id by accident. */
const PING_ID = '"mcp-bridge:ping"';

export interface ChildSpec {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Longest line accepted on stdout, in bytes. */
  readonly maxMessageBytes: number;
}

export interface ChildEvents {
  /** One line of stderr. */
  stderr(line: string, pid: number): void;
  /** It wrote a line over the limit, and is being killed. */
  oversized(): void;
  /** First line on stdout that could be a message: the server is up. */
  answered(): void;
  /** The process is gone. */
  gone(closure: Closure, answered: boolean): void;
}

/** Leaders of every process group that is still alive, for the last resort in `killAllGroups`. */
const groups = new Set<number>();

/** Kills every child's process group at once. For exits that leave no time to ask. */
export function killAllGroups(): void {
  for (const pid of groups) signalGroup(pid, "SIGKILL");
}

function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // ESRCH: everyone in the group has gone already.
  }
}

/** A stdio server in a process group of its own, so that whatever it starts ends with it. */
export class ChildProcess implements Port {
  readonly pid: number | undefined;
  readonly startedAt = Date.now();
  readonly #child: NodeChild;
  readonly #events: ChildEvents;
  readonly #lines: LineSplitter;
  readonly #gone: Promise<void>;
  #listener: PortListener | undefined;
  #early: Buffer[] = [];
  #pong: ((answered: boolean) => void) | undefined;
  #pinged = false;
  #closing = false;
  #closed: Closure | undefined;
  #answered = false;
  #oversized = false;
  #exited = false;
  /** So much of stdout and stderr. */
  #read = 0;

  constructor(spec: ChildSpec, events: ChildEvents) {
    this.#events = events;
    this.#lines = new LineSplitter(spec.maxMessageBytes);
    const child = spawn(spec.command, spec.args, { env: spec.env, stdio: ["pipe", "pipe", "pipe"], detached: true });
    this.#child = child;
    this.pid = child.pid;
    if (child.pid !== undefined) groups.add(child.pid);
    child.stdout?.on("data", (chunk: Buffer) => this.#receive(chunk));
    // A write to a server that has just died fails here; its exit is what is reported.
    child.stdin?.on("error", () => {});
    child.stdin?.on("drain", () => this.#listener?.drained?.());
    child.stdout?.on("error", () => {});
    this.#forwardStderr();
    this.#gone = this.#watch();
  }

  get queuedBytes(): number {
    return this.#child.stdin?.writableLength ?? 0;
  }

  get answered(): boolean {
    return this.#answered;
  }

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  send(message: Buffer): void {
    const { stdin } = this.#child;
    // Undefined, whatever its type says, where there were no descriptors left to start a process with.
    if (!stdin?.writable) return;
    if (message.length <= COPIED_BYTES) {
      const line = Buffer.allocUnsafe(message.length + 1);
      line.set(message);
      line[message.length] = LINE_FEED;
      stdin.write(line);
      return;
    }
    stdin.cork();
    stdin.write(message);
    stdin.write("\n");
    stdin.uncork();
  }

  pause(): void {
    // What it wrote last is read now or never.
    if (!this.#exited) this.#child.stdout?.pause();
  }

  resume(): void {
    this.#child.stdout?.resume();
  }

  listen(listener: PortListener): void {
    this.#listener = listener;
    const early = this.#early;
    this.#early = [];
    for (const message of early) listener.message(message);
    if (this.#closed !== undefined) listener.closed(this.#closed);
  }

  ping(timeoutMs: number): Promise<boolean> {
    if (this.#closed !== undefined) return Promise.resolve(false);
    return new Promise((resolve) => {
      const done = (answered: boolean): void => {
        clearTimeout(timer);
        this.#pong = undefined;
        resolve(answered);
      };
      const timer = setTimeout(done, timeoutMs, false);
      this.#pong = done;
      this.#pinged = true;
      this.send(Buffer.from(`{"jsonrpc":"2.0","id":${PING_ID},"method":"ping"}`));
    });
  }

  close(): Promise<void> {
    if (this.#closing || this.#closed !== undefined) return this.#gone;
    this.#closing = true;
    const { pid } = this;
    if (pid === undefined) return this.#gone;
    this.#child.stdin?.end();
    // Nobody reads any more; unread output must not keep the server from ending.
    this.resume();
    const term = setTimeout(() => signalGroup(pid, "SIGTERM"), TERM_AFTER_MS);
    const kill = setTimeout(() => signalGroup(pid, "SIGKILL"), TERM_AFTER_MS + KILL_AFTER_MS);
    return this.#gone.finally(() => {
      clearTimeout(term);
      clearTimeout(kill);
    });
  }

  /** Ends the whole group at once. */
  kill(): void {
    if (this.pid !== undefined && this.#closed === undefined) signalGroup(this.pid, "SIGKILL");
  }

  #receive(chunk: Buffer): void {
    this.#read += chunk.length;
    if (this.#oversized) return;
    try {
      this.#lines.push(chunk, (line) => this.#deliver(line));
    } catch {
      // More of the line may come before the process is gone.
      this.#oversized = true;
      this.#events.oversized();
      this.kill();
    }
  }

  #deliver(line: Buffer): void {
    if (line.length === 0) return;
    const first = line[0];
    if (!this.#answered && (first === 0x7b || first === 0x5b)) {
      this.#answered = true;
      this.#events.answered();
    }
    if (this.#pinged && this.#isPong(line)) return;
    if (this.#listener !== undefined) this.#listener.message(line);
    else if (this.#early.length < MAX_EARLY_MESSAGES) this.#early.push(line);
  }

  #isPong(line: Buffer): boolean {
    // Any answer will do: a server that refuses the ping is up as well.
    if (line.length > 1_024) return false;
    const message = readMessage(line);
    if (!message.ok || message.value.kind !== "response" || message.value.id !== PING_ID) return false;
    this.#pong?.(true);
    return true;
  }

  #forwardStderr(): void {
    let rest = "";
    this.#child.stderr?.setEncoding("utf8").on("data", (chunk: string) => {
      this.#read += chunk.length;
      const lines = (rest + chunk).split("\n");
      // A line without end is passed on in pieces rather than kept.
      rest = (lines.pop() ?? "").slice(-16_384);
      for (const line of lines) if (line.trim() !== "") this.#events.stderr(line, this.pid ?? 0);
    });
  }

  /** Calls `then` once nothing is left of what the server wrote. The loop polls the pipe before each look. */
  #whenEmpty(then: () => void): void {
    let [read, looks] = [-1, 0];
    const look = (): void => {
      looks = this.#read === read ? looks + 1 : 0;
      read = this.#read;
      if (looks < EMPTY_LOOKS) setImmediate(look);
      else then();
    };
    setImmediate(look);
  }

  #watch(): Promise<void> {
    return new Promise((resolve) => {
      const finish = (reason: string): void => {
        if (this.#closed !== undefined) return;
        this.#closed = { expected: this.#closing, reason };
        if (this.pid !== undefined) {
          // The leader has gone; what it left behind in its group goes now.
          signalGroup(this.pid, "SIGKILL");
          groups.delete(this.pid);
        }
        this.#child.stdout?.destroy();
        this.#child.stderr?.destroy();
        this.#events.gone(this.#closed, this.#answered);
        this.#listener?.closed(this.#closed);
        this.#pong?.(false);
        resolve();
      };
      this.#child.once("error", (error) => {
        if (this.pid === undefined) finish(`could not be started: ${error.message}`);
      });
      this.#child.once("exit", (code, signal) => {
        this.#exited = true;
        const reason = signal === null ? `exited with code ${code}` : `was killed by ${signal}`;
        // What it wrote last may still be in the pipe, and is no more than a pipe holds.
        this.resume();
        this.#child.once("close", () => finish(reason));
        setTimeout(finish, FLUSH_AFTER_EXIT_MS, reason);
        this.#whenEmpty(() => finish(reason));
      });
    });
  }
}
