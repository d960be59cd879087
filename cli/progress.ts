/**
 * Progress of long work. Every step says in one line what it does and why; while it works, its elapsed time and the
 * last line of its output show that it is alive: rewritten in place on a terminal, a new line every ten seconds
 * elsewhere (CI logs, pipes).
 */

const LINE_PERIOD_MS = 10_000;
const REWRITE_PERIOD_MS = 1_000;
const SUBJECT_WIDTH = 12;

/** A failure with all that a reader needs: what, the end of the log, where the whole log is, and the remedy. */
export class SetupError extends Error {
  readonly remedy: string | undefined;
  readonly logTail: readonly string[];
  readonly logFile: string | undefined;

  constructor(message: string, details: { remedy?: string; logTail?: readonly string[]; logFile?: string } = {}) {
    super(message);
    this.name = "SetupError";
    this.remedy = details.remedy;
    this.logTail = details.logTail ?? [];
    this.logFile = details.logFile;
  }

  /** The failure as lines to print. */
  render(): string {
    const lines = [this.message, ...this.logTail.map((line) => `  | ${line}`)];
    if (this.logFile) lines.push(`log: ${this.logFile}`);
    if (this.remedy) lines.push(`remedy: ${this.remedy}`);
    return lines.join("\n");
  }
}

/** Handed to the work of a step. */
export interface Step {
  /** Prints a line now: what is being done, and why. */
  say(line: string): void;
  /** Prints a line about how things stand; not where the progress is quiet. */
  state(line: string): void;
  /** Remembers what the work last did; the next tick shows it. */
  tail(line: string): void;
}

/** Runs named steps one after the other. */
export interface Progress {
  step<T>(subject: string, work: (step: Step) => Promise<T>): Promise<T>;
}

/** What progress is written to; `process.stderr` is one. */
export interface ProgressStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** `95000` → `1 min 35 s`. */
export function elapsed(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** One line of progress, cut to the terminal's width, without control characters from a tool's output. */
export function tickLine(subject: string, milliseconds: number, tail: string, columns = 120): string {
  const plain = stripControl(tail).trim();
  const line = `${subject.padEnd(SUBJECT_WIDTH)} … ${elapsed(milliseconds)}${plain && `: ${plain}`}`;
  return line.length > columns ? `${line.slice(0, columns - 1)}…` : line;
}

/** Removes colour codes and other control characters. */
export function stripControl(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
  return text.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, "").replace(/[\u0000-\u001f\u007f]/g, " ");
}

/**
 * Progress on `stream`; standard error by default, so that standard output stays for results.
 *
 * @param quiet says only what is being done, and nothing where there is nothing to do.
 */
export function createProgress(stream: ProgressStream = process.stderr, quiet = false): Progress {
  return {
    async step(subject, work) {
      const started = Date.now();
      const onTerminal = stream.isTTY === true;
      let last = "";
      let rewriting = false;
      const clear = () => {
        if (rewriting) stream.write("\r\u001b[K");
        rewriting = false;
      };
      const timer = setInterval(
        () => {
          const line = tickLine(subject, Date.now() - started, last, stream.columns);
          clear();
          stream.write(onTerminal ? line : `${line}\n`);
          rewriting = onTerminal;
        },
        onTerminal ? REWRITE_PERIOD_MS : LINE_PERIOD_MS,
      );
      const say = (line: string) => {
        clear();
        stream.write(`${subject.padEnd(SUBJECT_WIDTH)} ${line}\n`);
        last = "";
      };
      try {
        return await work({
          say,
          state(line) {
            if (!quiet) say(line);
          },
          tail(line) {
            if (line.trim() !== "") last = line;
          },
        });
      } finally {
        clearInterval(timer);
        clear();
      }
    },
  };
}
