/** Child processes: one whose output goes to a log and feeds a step's progress, and short questions to a tool. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, mkdirSync } from "node:fs";
import { constants } from "node:os";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { SetupError, type Step, stripControl } from "./progress.ts";

const TAIL_LINES = 15;

/** Options of {@link runLogged}. */
export interface RunOptions {
  /** File that the output is appended to. */
  logFile: string;
  cwd?: string;
  env?: NodeJS.ProcessEnv;
  /** What to do when the command fails. */
  remedy?: string;
  /** Called with each line of output. */
  onLine?: (line: string) => void;
}

/**
 * Runs a command to its end with its output in a log file and its last line in the step's progress.
 *
 * @throws SetupError with the end of the output when the command cannot be started or ends with another code than 0.
 */
export async function runLogged(step: Step, command: string, args: string[], options: RunOptions): Promise<void> {
  mkdirSync(dirname(options.logFile), { recursive: true });
  const log = createWriteStream(options.logFile, { flags: "a" });
  log.write(`\n$ ${[command, ...args].join(" ")}\n`);
  const tail: string[] = [];
  const onLine = (line: string) => {
    log.write(`${line}\n`);
    if (line.trim() === "") return;
    tail.push(stripControl(line));
    if (tail.length > TAIL_LINES) tail.shift();
    step.tail(line);
    options.onLine?.(line);
  };
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own, so that it can be ended with all that it has started.
    detached: true,
  });
  const stop = endWithUs(child);
  const outputs = [child.stdout, child.stderr].map((stream) => {
    const lines = createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY });
    lines.on("line", onLine);
    return once(lines, "close");
  });
  const fault = await endOf(child);
  stop();
  await Promise.all(outputs);
  await new Promise<void>((resolve) => log.end(() => resolve()));
  if (fault !== undefined) {
    throw new SetupError(`\`${[command, ...args].join(" ")}\` ${fault}`, {
      logTail: tail,
      logFile: options.logFile,
      ...(options.remedy === undefined ? {} : { remedy: options.remedy }),
    });
  }
}

const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** Sees to it that a child does not go on working when this process is told to end; returns how to stop seeing to it. */
function endWithUs(child: ChildProcess): () => void {
  const handlers = Object.entries(SIGNALS).map(([signal, code]) => {
    const handler = () => {
      if (child.pid !== undefined) process.kill(-child.pid, "SIGTERM");
      process.exit(code);
    };
    process.once(signal, handler);
    return [signal, handler] as const;
  });
  return () => {
    for (const [signal, handler] of handlers) process.off(signal, handler);
  };
}

/** What went wrong with the child, or undefined when it ended well. */
function endOf(child: ChildProcess): Promise<string | undefined> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(`could not be started: ${error.message}`));
    child.once("exit", (code, signal) => {
      if (code === 0) resolve(undefined);
      else resolve(signal ? `was ended by ${signal}` : `failed with exit code ${code}`);
    });
  });
}

/** The answer of a short command: whether it could be run and ended with 0, and what it wrote. */
export interface Answer {
  ok: boolean;
  stdout: string;
  stderr: string;
}

/** Asks a tool something; never throws. `timeout` in milliseconds, default 15 s. */
export function ask(
  command: string,
  args: string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string; timeout?: number } = {},
): Promise<Answer> {
  return new Promise((resolve) => {
    execFile(
      command,
      args,
      {
        env: options.env ?? process.env,
        timeout: options.timeout ?? 15_000,
        maxBuffer: 64 * 1024 * 1024,
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      },
      (error, stdout, stderr) => resolve({ ok: error === null, stdout, stderr }),
    );
  });
}

/** Runs a command with this process's own terminal; resolves to its exit code (128 + signal number as shells do). */
export function runAttached(
  command: string,
  args: string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string } = {},
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: "inherit", env: options.env ?? process.env, cwd: options.cwd });
    // Ctrl-C reaches the child through the terminal as well: it decides when to end, we report how.
    const wait = () => {};
    const forward = () => child.kill("SIGTERM");
    process.on("SIGINT", wait);
    process.on("SIGTERM", forward);
    const settle = () => {
      process.off("SIGINT", wait);
      process.off("SIGTERM", forward);
    };
    child.once("error", (error) => {
      settle();
      reject(new SetupError(`\`${command}\` could not be started: ${error.message}`));
    });
    child.once("exit", (code, signal) => {
      settle();
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}
