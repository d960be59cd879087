/** One event of a stream. */
export interface StreamEvent {
  readonly name: string;
  readonly data: Buffer;
}

const LF = 10;
const CR = 13;

/** Reads a `text/event-stream` (WHATWG HTML, 9.2.6). Bytes are looked at once, so that large events stay cheap. */
export class EventReader {
  readonly #emit: (event: StreamEvent) => void;
  /** Pieces of the line that is not complete yet. */
  #line: Buffer[] = [];
  #name = "";
  #data: Buffer[] = [];

  constructor(emit: (event: StreamEvent) => void) {
    this.#emit = emit;
  }

  push(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, start)) {
      this.#line.push(chunk.subarray(start, end));
      const [only] = this.#line;
      this.#read(this.#line.length === 1 && only !== undefined ? only : Buffer.concat(this.#line));
      this.#line = [];
      start = end + 1;
    }
    if (start < chunk.length) this.#line.push(chunk.subarray(start));
  }

  #read(raw: Buffer): void {
    const line = raw.at(-1) === CR ? raw.subarray(0, -1) : raw;
    if (line.length === 0) this.#dispatch();
    const colon = line.indexOf(58);
    if (colon <= 0) return;
    const value = line.subarray(line[colon + 1] === 32 ? colon + 2 : colon + 1);
    const field = line.toString("latin1", 0, colon);
    if (field === "data") this.#data.push(value);
    else if (field === "event") this.#name = value.toString();
  }

  #dispatch(): void {
    const [only] = this.#data;
    if (only !== undefined) {
      const data = this.#data.length === 1 ? only : Buffer.from(this.#data.map(String).join("\n"));
      this.#emit({ name: this.#name || "message", data });
    }
    this.#name = "";
    this.#data = [];
  }
}
