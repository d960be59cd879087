const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** Line breaks between JSON tokens, which would end a line or an event, become spaces; inside strings they are escaped. */
export function oneLine(bytes: Buffer): Buffer {
  if (!bytes.includes(NEWLINE) && !bytes.includes(CARRIAGE_RETURN)) return bytes;
  return Buffer.from(bytes.map((byte) => (byte === NEWLINE || byte === CARRIAGE_RETURN ? 0x20 : byte)));
}

/** Cuts a byte stream into lines, wherever its chunks were split (in the middle of a character too). */
export class LineSplitter {
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #length = 0;

  /** @param maxBytes longest line that is kept; `push` throws a RangeError beyond it. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Calls `line` for each line that `chunk` completes, without its line end. */
  push(chunk: Buffer, line: (bytes: Buffer) => void): void {
    let from = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, from);
      const rest = chunk.subarray(from, end < 0 ? chunk.length : end);
      if (this.#length + rest.length > this.#maxBytes) {
        this.#parts = [];
        this.#length = 0;
        throw new RangeError(`a line is longer than ${this.#maxBytes} bytes`);
      }
      if (end < 0) {
        if (rest.length > 0) {
          this.#parts.push(rest);
          this.#length += rest.length;
        }
        return;
      }
      line(this.#complete(rest));
      from = end + 1;
    }
  }

  #complete(last: Buffer): Buffer {
    let line = last;
    if (this.#length > 0) {
      this.#parts.push(last);
      line = Buffer.concat(this.#parts, this.#length + last.length);
      this.#parts = [];
      this.#length = 0;
    }
    return line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line;
  }
}
