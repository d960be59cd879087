import type { Field } from "./database.ts";
import { decode, type Value } from "./values.ts";

/** Characters after which a single value is cut. */
const MAX_VALUE = 4_000;

/** Rows for a client, up to a number of bytes. */
export class BoundedRows {
  readonly rows: Value[][] = [];
  readonly #limits: { readonly rows: number; readonly bytes: number };
  #bytes = 0;
  #full = false;

  constructor(limits: { readonly rows: number; readonly bytes: number }) {
    this.#limits = limits;
  }

  /** True once something was left out. */
  get truncated(): boolean {
    return this.#full;
  }

  /** Takes rows until one does not fit. */
  add(fields: readonly Field[], rows: readonly (readonly (string | null)[])[]): void {
    for (const row of rows) {
      if (this.#full) return;
      const values = row.map((text, column) => shortened(text, fields[column]?.type ?? 0));
      const bytes = Buffer.byteLength(JSON.stringify(values)) + 1;
      if (this.rows.length === this.#limits.rows || this.#bytes + bytes > this.#limits.bytes) {
        this.#full = true;
        return;
      }
      this.#bytes += bytes;
      this.rows.push(values);
    }
  }
}

function shortened(text: string | null, type: number): Value {
  if (text === null || text.length <= MAX_VALUE) return decode(text, type);
  return `${text.slice(0, MAX_VALUE)}… (cut: ${text.length} characters)`;
}
