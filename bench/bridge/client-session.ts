import { INITIALIZED, initializeBody, responseId } from "./messages.ts";

/** How a server is reached. `echo` is an HTTP server that sends bodies back, `stdio` the child without any host. */
export type Transport = "http" | "sse" | "echo" | "stdio";

/** Where it is. */
export interface Target {
  readonly transport: Transport;
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** For `stdio`. */
  readonly command: readonly string[];
}

/** What arrived for a call, and when; no message if the time was up or the host refused. */
export interface Arrival {
  readonly at: number;
  readonly message: Buffer | undefined;
  readonly problem?: string;
}

/** The newest revision with sessions: what hosts owe its clients is part of what is measured. */
export const REVISION = "2025-11-25";

/** One client's session: requests that wait, whichever way their answers come. */
export abstract class ClientSession {
  /** Answers to what was answered before. */
  duplicated = 0;
  /** Answers to what was never asked here. */
  stray = 0;
  readonly #waiting = new Map<number, (arrival: Arrival) => void>();
  /** Requests whose time was up: their answers were counted as lost, and may still come. */
  readonly #givenUp = new Set<number>();
  #highest = -1;

  /** Opens the session as every client does; resolves with the ms that `initialize` took. Throws if it is refused. */
  async open(timeoutMs: number): Promise<number> {
    await this.connect(timeoutMs);
    const started = performance.now();
    const { at, message, problem } = await this.call(0, initializeBody(0, REVISION), timeoutMs);
    if (message === undefined) throw new Error(`initialize: ${problem}`);
    if (!message.includes('"protocolVersion"')) throw new Error(`initialize: ${message.toString().slice(0, 200)}`);
    this.post(INITIALIZED);
    return at - started;
  }

  /** Sends a request and waits for its answer. */
  call(id: number, body: Buffer, timeoutMs: number): Promise<Arrival> {
    this.#highest = Math.max(this.#highest, id);
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.fail(id, `no answer within ${timeoutMs / 1000} s`), timeoutMs);
      this.#waiting.set(id, (arrival) => {
        clearTimeout(timer);
        resolve(arrival);
      });
      this.post(body, id);
    });
  }

  /** Ends the session, as a client should. */
  abstract close(): Promise<void>;

  /** Sends a request whose answer nobody will read; from now on nothing of this session is read. */
  abstract callUnread(id: number, body: Buffer): void;

  /** What comes before `initialize`. */
  protected async connect(_timeoutMs: number): Promise<void> {}

  /** Sends a message; `id` is that of a request. */
  protected abstract post(body: Buffer, id?: number): void;

  /** A message came, complete, now. */
  protected receive(message: Buffer): void {
    const at = performance.now();
    const id = responseId(message);
    if (id !== undefined) this.settle(id, { at, message });
  }

  /** No answer will come for this request. */
  protected fail(id: number | undefined, problem: string): void {
    if (id === undefined || !this.#waiting.has(id)) return;
    this.#givenUp.add(id);
    this.settle(id, { at: performance.now(), message: undefined, problem });
  }

  protected settle(id: number, arrival: Arrival): void {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) {
      if (this.#givenUp.delete(id)) return;
      if (id <= this.#highest) this.duplicated++;
      else this.stray++;
      return;
    }
    this.#waiting.delete(id);
    waiting(arrival);
  }
}
