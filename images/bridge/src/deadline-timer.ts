/**
 * One timer for many deadlines. Nearly all requests are answered long before theirs: to start and stop a timer for
 * each costs more than to look, once the earliest deadline has come, which of them are left.
 */
export class DeadlineTimer {
  readonly #onDue: (now: number) => number;
  #timer: NodeJS.Timeout | undefined;
  #at = Number.POSITIVE_INFINITY;

  /** @param onDue does what is due and returns the next deadline, Infinity for none; all by `performance.now()`. */
  constructor(onDue: (now: number) => number) {
    this.#onDue = onDue;
  }

  /** There is something to do by then. */
  by(deadline: number): void {
    if (deadline >= this.#at) return;
    clearTimeout(this.#timer);
    this.#at = deadline;
    // A timer may fire a fraction of a millisecond early; what is not due then is asked for again.
    this.#timer = setTimeout(() => this.#fire(), Math.max(1, deadline - performance.now()));
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#at = Number.POSITIVE_INFINITY;
  }

  #fire(): void {
    this.#at = Number.POSITIVE_INFINITY;
    this.by(this.#onDue(performance.now()));
  }
}
