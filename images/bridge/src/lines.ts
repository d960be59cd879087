const NEWLINE = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** Line breaks between JSON tokens, which would end a line or an event, become spaces; inside strings they are escaped. */
export function oneLine(bytes: Buffer): Buffer {
  if (!bytes.includes(NEWLINE) && !bytes.includes(CARRIAGE_RETURN)) return bytes;
  return Buffer.from(bytes.map((byte) => (byte === NEWLINE || byte === CARRIAGE_RETURN ? 0x20 : byte)));
}

/** Up to here the pieces of a line are kept as they came, and put together at its end. */
const MAX_PIECES_BYTES = 256 * 1_024;
/** Room for a longer line, and by how much that grows. What has not been written to takes no memory. */
const ROOM_BYTES = 2 * 2 ** 20;
const GROWTH = 4;

/** Cuts a byte stream into lines, wherever its chunks were split (in the middle of a character too). */
export class LineSplitter {
  readonly #maxBytes: number;
  #pieces: Buffer[] = [];
  /** Where a long line is put together as it comes. */
  #room: Buffer | undefined;
  #length = 0;

  /** @param maxBytes longest line that is kept; `push` throws a RangeError beyond it. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Calls `line` for each line that `chunk` completes, without its line end.
   * @param chunk nobody else's: its memory is given back as soon as it has been copied.
   */
  push(chunk: Buffer, line: (bytes: Buffer) => void): void {
    let from = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, from);
      const rest = chunk.subarray(from, end < 0 ? chunk.length : end);
      if (this.#length + rest.length > this.#maxBytes) {
        this.#clear();
        throw new RangeError(`a line is longer than ${this.#maxBytes} bytes`);
      }
      if (end < 0) {
        if (rest.length > 0) this.#add(rest);
        return;
      }
      line(this.#complete(rest));
      from = end + 1;
    }
  }

  #add(piece: Buffer): void {
    const before = this.#length;
    this.#length += piece.length;
    if (this.#length <= MAX_PIECES_BYTES) {
      this.#pieces.push(piece);
      return;
    }
    if (this.#room === undefined || this.#room.length < this.#length) this.#enlarge(this.#length);
    this.#room?.set(piece, before);
    release(piece);
  }

  #enlarge(length: number): void {
    let size = this.#room?.length ?? ROOM_BYTES;
    while (size < length) size *= GROWTH;
    const room = Buffer.allocUnsafeSlow(Math.min(size, this.#maxBytes));
    let at = 0;
    for (const piece of this.#room === undefined ? this.#pieces : [this.#room]) {
      room.set(piece, at);
      at += piece.length;
      release(piece);
    }
    this.#pieces = [];
    this.#room = room;
  }

  #complete(last: Buffer): Buffer {
    let line = last;
    if (this.#length > 0) {
      // May be empty, where a chunk begins with the line's end.
      this.#add(last);
      line = this.#room?.subarray(0, this.#length) ?? Buffer.concat(this.#pieces, this.#length);
      this.#clear();
    }
    return line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line;
  }

  #clear(): void {
    this.#pieces = [];
    this.#room = undefined;
    this.#length = 0;
  }
}

/** Gives memory back now, not when the collector comes: until then a long line would be there twice. */
function release({ buffer, byteLength }: Buffer): void {
  // Part of a chunk: the rest may be a message.
  if (byteLength === buffer.byteLength) free(buffer);
}

/** Gives back what a long line takes that nobody wants. Others have their memory in common, and wait for the collector. */
export function discardLine({ buffer, byteOffset }: Buffer): void {
  // In a batch, no message is at the beginning.
  if (byteOffset === 0 && buffer.byteLength > MAX_PIECES_BYTES) free(buffer);
}

function free(buffer: ArrayBufferLike): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}
