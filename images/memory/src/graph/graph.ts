/** The graph as clients see it. */
export interface Entity {
  readonly name: string;
  readonly entityType: string;
  readonly observations: readonly string[];
}

export interface Relation {
  readonly from: string;
  readonly to: string;
  readonly relationType: string;
}

export interface Graph {
  readonly entities: readonly Entity[];
  readonly relations: readonly Relation[];
}

/** A part of a graph; `nextCursor` is there if more follows. */
export interface GraphPage extends Graph {
  readonly nextCursor?: string;
}

/** Which part is asked for; all of it without either. */
export interface PageRequest {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

/** How a query is compared: as a part of a text, or as words in any order. */
export type SearchMode = "substring" | "words";

/** What a client did wrong, in words that it may read. */
export class GraphError extends Error {
  override readonly name = "GraphError";
}
