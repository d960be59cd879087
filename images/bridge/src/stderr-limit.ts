const MAX_LINE_CHARS = 2_048;
const LINES_PER_SECOND = 50;

/** Passes on what children write to stderr, bounded in length and rate; says how much it held back. */
export class RateLimitedLines {
  readonly #write: (line: string, pid: number) => void;
  readonly #now: () => number;
  #second = 0;
  #count = 0;
  #dropped = 0;

  constructor(write: (line: string, pid: number) => void, now: () => number = Date.now) {
    this.#write = write;
    this.#now = now;
  }

  push(line: string, pid: number): void {
    const second = Math.floor(this.#now() / 1_000);
    if (second !== this.#second) {
      if (this.#dropped > 0) this.#write(`(bridge) ${this.#dropped} lines held back: over ${LINES_PER_SECOND}/s`, pid);
      this.#second = second;
      this.#count = 0;
      this.#dropped = 0;
    }
    if (++this.#count > LINES_PER_SECOND) {
      this.#dropped++;
      return;
    }
    this.#write(
      line.length > MAX_LINE_CHARS ? `${line.slice(0, MAX_LINE_CHARS)}… (${line.length} characters)` : line,
      pid,
    );
  }
}
