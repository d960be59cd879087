import type { Port } from "./port.ts";

/** How long one client may hold up the others before it is let go. */
export const MAX_STALL_MS = 2_000;
/** Pause before the next one is let go, if the first was not enough. */
const NEXT_MS = 100;

interface Holder {
  /** Bytes that wait until its client has read what was sent before. */
  readonly heldBytes: number;
  /** Lets go of a client that does not read. */
  stalled(): void;
}

/**
 * Back-pressure of a server that several share. What comes for a client that reads slowly is held back for it, so
 * that it delays nobody; only once that is more than `limit` for all together, the server is paused, and if that
 * does not help for two seconds, whoever has the most held is let go.
 */
export class HeldOutput {
  readonly #limit: number;
  readonly #stallMs: number;
  readonly #port: Pick<Port, "pause" | "resume">;
  readonly #holders = new Set<Holder>();
  #bytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(limit: number, stallMs: number, port: Pick<Port, "pause" | "resume">) {
    this.#limit = limit;
    this.#stallMs = stallMs;
    this.#port = port;
  }

  /** `holder` holds so many bytes more, or fewer. */
  changed(holder: Holder, by: number): void {
    this.#bytes += by;
    if (holder.heldBytes > 0) this.#holders.add(holder);
    else this.#holders.delete(holder);
    const paused = this.#timer !== undefined;
    // Half-way back before it starts again, or it would flicker.
    if (paused === (paused ? this.#bytes > this.#limit / 2 : this.#bytes > this.#limit)) return;
    if (paused) {
      this.stop();
      this.#port.resume();
    } else {
      this.#port.pause();
      this.#timer = setTimeout(() => this.#letGo(), this.#stallMs);
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #letGo(): void {
    this.#timer = setTimeout(() => this.#letGo(), NEXT_MS);
    const [largest] = [...this.#holders].sort((a, b) => b.heldBytes - a.heldBytes);
    largest?.stalled();
  }
}
