/** A server that crashes within this time of being put to use is counted as crashing at start. */
export const SETTLED_MS = 2_000;
/** Crashes longer ago than this say nothing about now. */
const FORGET_MS = 60_000;
/** Failures in a row that cost nothing, before starts have to wait. */
const FREE_FAILURES = 1;
const FIRST_DELAY_MS = 250;
const MAX_DELAY_MS = 30_000;
/** Failures in a row that make a crash loop: never answering is worse than dying in use. */
const LOOP_UNANSWERED = 3;
const LOOP_IN_USE = 5;

/**
 * Slows down the restarts of a server that keeps crashing, exponentially from 250 ms to 30 s.
 * Pure but for the clock it is given.
 */
export class CrashBackoff {
  readonly #now: () => number;
  #unanswered = 0;
  #inUse = 0;
  #lastCrash = 0;
  #until = 0;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** True while the server cannot be called up, so `/health` should be red. */
  get looping(): boolean {
    if (this.#unanswered >= LOOP_UNANSWERED) return true;
    return this.#inUse >= LOOP_IN_USE && this.#now() - this.#lastCrash < FORGET_MS;
  }

  /** Milliseconds until the next start is allowed; 0 for now. */
  get delay(): number {
    return Math.max(0, this.#until - this.#now());
  }

  /** A child answered for the first time: starting works. */
  answered(): void {
    this.#unanswered = 0;
    if (this.#inUse === 0) this.#until = 0;
  }

  /**
   * A child died unasked.
   * @param takenAt when a session took it; undefined for a spare.
   */
  crashed(event: { readonly answered: boolean; readonly takenAt: number | undefined }): void {
    const now = this.#now();
    if (now - this.#lastCrash > FORGET_MS) this.#inUse = 0;
    this.#lastCrash = now;
    if (!event.answered) this.#unanswered++;
    else if (event.takenAt === undefined || now - event.takenAt < SETTLED_MS) this.#inUse++;
    else this.#inUse = 0;
    const over = Math.max(this.#unanswered, this.#inUse) - FREE_FAILURES;
    this.#until = over > 0 ? now + Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (over - 1)) : 0;
  }

  /** A session ended as it should: its child served to the end. */
  served(): void {
    this.#inUse = 0;
  }
}
