import { Fifo } from "./fifo.ts";
import type { Port } from "./port.ts";

/**
 * What may wait in the server's pipe itself. More than a stream buffers before it says so (64 KiB), or nothing
 * would tell when it has drained.
 */
const MAX_IN_PIPE = 128 * 1_024;

interface Item {
  readonly bytes: Buffer;
  /** Of a request; nothing for a notification. */
  readonly id: string | undefined;
}

interface Lane {
  readonly items: Fifo<Item>;
  bytes: number;
}

/**
 * The way into a server that several share: while it does not take its input, messages wait with whom they come
 * from, and each gets a turn. Who sends more than the server reads delays itself, not the others.
 */
export class FairInput {
  readonly #port: Pick<Port, "send" | "queuedBytes">;
  /** In the order of their turns. */
  readonly #lanes = new Map<object, Lane>();

  constructor(port: Pick<Port, "send" | "queuedBytes">) {
    this.#port = port;
  }

  /** Bytes of one sender that wait for their turn. */
  queuedBytes(sender: object): number {
    return this.#lanes.get(sender)?.bytes ?? 0;
  }

  send(sender: object, bytes: Buffer, id?: string): void {
    if (this.#lanes.size === 0 && this.#port.queuedBytes <= MAX_IN_PIPE) {
      this.#port.send(bytes);
      return;
    }
    const lane = this.#lanes.get(sender) ?? { items: new Fifo<Item>(), bytes: 0 };
    this.#lanes.set(sender, lane);
    lane.items.push({ bytes, id });
    lane.bytes += bytes.length;
  }

  /** The server has read all there was. */
  drained(): void {
    while (this.#port.queuedBytes <= MAX_IN_PIPE) {
      const [turn] = this.#lanes;
      if (turn === undefined) return;
      const [sender, lane] = turn;
      this.#lanes.delete(sender);
      const item = lane.items.shift();
      if (item === undefined) continue;
      lane.bytes -= item.bytes.length;
      if (lane.items.length > 0) this.#lanes.set(sender, lane);
      this.#port.send(item.bytes);
    }
  }

  /** Throws away what waits of one sender; gives the ids of the requests in it, which the server never saw. */
  discard(sender: object): Set<string> {
    const items = this.#lanes.get(sender)?.items.drain() ?? [];
    this.#lanes.delete(sender);
    return new Set(items.flatMap(({ id }) => id ?? []));
  }
}
