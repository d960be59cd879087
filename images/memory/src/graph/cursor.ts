import { GraphError, type PageRequest } from "./graph.ts";

/** Where a page begins: after this entity, or once all of them are read, after this relation. */
export interface Position {
  readonly kind: "entity" | "relation";
  /** The database's id, as text: it may be larger than a double can be exact. */
  readonly after: string;
}

/** A page as the store reads it. */
export interface Page {
  readonly limit: number;
  readonly from: Position;
}

const START: Position = { kind: "entity", after: "0" };
/** Size of a page when only a cursor is given. */
const USUAL_LIMIT = 100;
const FORM = /^([er])(\d{1,19})$/;

export function cursorAt({ kind, after }: Position): string {
  return Buffer.from(`${kind[0]}${after}`).toString("base64url");
}

/** @returns undefined if everything is asked for */
export function pageOf({ limit, cursor }: PageRequest): Page | undefined {
  if (cursor === undefined) return limit === undefined ? undefined : { limit, from: START };
  const [, kind, after = ""] = FORM.exec(Buffer.from(cursor, "base64url").toString("latin1")) ?? [];
  if (kind === undefined || BigInt(after) > 2n ** 63n - 1n) {
    throw new GraphError("The cursor is not one of this server; give the `nextCursor` of the page before, or none");
  }
  return { limit: limit ?? USUAL_LIMIT, from: { kind: kind === "e" ? "entity" : "relation", after } };
}
