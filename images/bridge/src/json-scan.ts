/** `json-scan.wat`, compiled: sixteen bytes at a time, where a loop in JavaScript takes one. */
const CODE =
  "AGFzbQEAAAABBwFgAn9/AX8DAgEABQMBAAIHEQIGbWVtb3J5AgAEc2NhbgAAClUBUwIBewF/A0AgACABTwRAIAEPCyAA/QAEACECIAJBIv0P/SMg" +
  "AkHcAP0P/SP9UCACQSD9D/0m/VD9ZCEDIAMEQCAAIANoag8LIABBEGohAAwACwAL";

/** Bytes that are copied to where the code can see them, at a time. */
const BLOCK = 64 * 1_024;

/** What is used of it; Node's types leave it to those of browsers. */
declare const WebAssembly: {
  readonly Module: new (code: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

interface Scan {
  readonly heap: Uint8Array;
  readonly find: (at: number, end: number) => number;
}

let scan: Scan | undefined;

/** Made when a long text comes for the first time: most servers never see one. */
function compiled(): Scan {
  if (scan === undefined) {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(CODE, "base64")));
    const { memory, scan: find } = exports as { memory: { buffer: ArrayBuffer }; scan: Scan["find"] };
    scan = { heap: new Uint8Array(memory.buffer), find };
  }
  return scan;
}

/**
 * Finds quotes, backslashes and control characters in one text; asked with rising positions it copies it once.
 * Ask about one text at a time: all share one copy.
 */
export class SpecialBytes {
  readonly #bytes: Buffer;
  /** The part that has been copied. */
  #from = 0;
  #to = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Index of the first one at or after `at`, or the length of the text. */
  next(at: number): number {
    const { heap, find } = compiled();
    for (let i = at; i < this.#bytes.length; i = this.#to) {
      if (i >= this.#to || i < this.#from) this.#copy(heap, i);
      const found = find(i - this.#from, this.#to - this.#from) + this.#from;
      if (found < this.#to) return found;
    }
    return this.#bytes.length;
  }

  #copy(heap: Uint8Array, at: number): void {
    this.#from = at;
    this.#to = Math.min(at + BLOCK, this.#bytes.length);
    heap.set(this.#bytes.subarray(this.#from, this.#to));
  }
}
