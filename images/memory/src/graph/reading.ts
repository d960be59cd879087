import type { Queries } from "../database/database.ts";
import { cursorAt, type Page } from "./cursor.ts";
import { type Entity, type Graph, GraphError, type GraphPage, type Relation, type SearchMode } from "./graph.ts";
import { fromStored, likePattern, toStored, wordsOf } from "./text.ts";

/** Rows that are read at once where everything is asked for. */
const BATCH = 2_000;
/** Characters that one answer may have; printed, and once more as structured content, it is three times as large. */
const MAX_CHARACTERS = 8 * 2 ** 20;

export interface EntityRow {
  readonly id: string;
  readonly name: string;
  readonly entity_type: string;
  readonly observations: readonly string[];
}

export interface RelationRow {
  readonly id: string;
  readonly from_name: string;
  readonly to_name: string;
  readonly relation_type: string;
}

/** A condition on rows; its parameters are `$4` and on. */
interface Condition {
  readonly sql: string;
  readonly parameters: readonly (string | readonly string[])[];
}

export const ALL: Condition = { sql: "true", parameters: [] };

const hashes = (parameter: string) =>
  `ARRAY(SELECT hashtextextended(name, 0) FROM unnest(${parameter}::text[]) AS name)`;

/** That a column is one of the names: by hash, which has an index, then exactly. */
export const isOneOf = (column: string, parameter: string) =>
  `(hashtextextended(${column}, 0) = ANY (${hashes(parameter)}) AND ${column} = ANY (${parameter}::text[]))`;

export const named = (names: readonly string[]): Condition => ({
  sql: isOneOf("name", "$4"),
  parameters: [names.map(toStored)],
});

const touching = (names: readonly string[]): Condition => ({
  sql: `(${isOneOf("from_name", "$4")} OR ${isOneOf("to_name", "$4")})`,
  parameters: [names],
});

const MATCHES: Record<SearchMode, (query: string) => Condition> = {
  substring: (query) => ({ sql: "search LIKE $4", parameters: [likePattern(query)] }),
  words: (query) => ({
    sql: "to_tsvector('simple', left(search, 100000)) @@ websearch_to_tsquery('simple', $4)",
    parameters: [wordsOf(query)],
  }),
};

export const matching = (query: string, mode: SearchMode): Condition => MATCHES[mode](query);

export const entitiesSql = ({ sql }: Condition) =>
  `SELECT id::text, name, entity_type, observations FROM memory.entities
   WHERE tenant = $1 AND id > $2 AND ${sql} ORDER BY memory.entities.id LIMIT $3`;

export const relationsSql = ({ sql }: Condition) =>
  `SELECT id::text, from_name, to_name, relation_type FROM memory.relations
   WHERE tenant = $1 AND id > $2 AND ${sql} ORDER BY memory.relations.id LIMIT $3`;

/** Reads one tenant's graph within one transaction, and stops before an answer grows too large to be sent. */
export class GraphReader {
  readonly #queries: Queries;
  readonly #tenant: number;
  #characters = 0;

  constructor(queries: Queries, tenant: number) {
    this.#queries = queries;
    this.#tenant = tenant;
  }

  async everything(): Promise<Graph> {
    const entities = await this.#all((after) => this.#entities(ALL, after, BATCH));
    const relations = await this.#all((after) => this.#relations(ALL, after, BATCH));
    return { entities: entities.map(entityOf), relations: relations.map(relationOf) };
  }

  /** Entities first, then relations, each of them on one page alone. */
  async page({ limit, from }: Page): Promise<GraphPage> {
    const entities = from.kind === "entity" ? await this.#entities(ALL, from.after, limit + 1) : [];
    if (entities.length > limit) return this.#cut(entities, limit, []);
    const room = limit - entities.length;
    const after = from.kind === "relation" ? from.after : "0";
    const relations = await this.#relations(ALL, after, room + 1);
    const last = relations[room - 1]?.id ?? after;
    return {
      entities: entities.map(entityOf),
      relations: relations.slice(0, room).map(relationOf),
      ...(relations.length > room && { nextCursor: cursorAt({ kind: "relation", after: last }) }),
    };
  }

  /** Entities on a condition, with every relation that begins or ends at one of them. */
  async entitiesWhere(condition: Condition, page?: Page): Promise<GraphPage> {
    if (page === undefined) {
      const entities = await this.#all((after) => this.#entities(condition, after, BATCH));
      return { entities: entities.map(entityOf), relations: await this.#relationsOf(entities) };
    }
    const { limit, from } = page;
    if (from.kind !== "entity") {
      throw new GraphError("The cursor is one of read_graph; give the `nextCursor` of the page before, or none");
    }
    const entities = await this.#entities(condition, from.after, limit + 1);
    return this.#cut(entities, limit, await this.#relationsOf(entities.slice(0, limit)));
  }

  #cut(entities: readonly EntityRow[], limit: number, relations: readonly Relation[]): GraphPage {
    const shown = entities.slice(0, limit);
    const last = shown.at(-1);
    return {
      entities: shown.map(entityOf),
      relations,
      ...(entities.length > limit && last && { nextCursor: cursorAt({ kind: "entity", after: last.id }) }),
    };
  }

  async #relationsOf(entities: readonly EntityRow[]): Promise<Relation[]> {
    if (entities.length === 0) return [];
    const condition = touching([...new Set(entities.map(({ name }) => name))]);
    return (await this.#all((after) => this.#relations(condition, after, BATCH))).map(relationOf);
  }

  async #all<Row extends { readonly id: string }>(read: (after: string) => Promise<Row[]>): Promise<Row[]> {
    const rows: Row[] = [];
    for (let after = "0"; ; ) {
      const batch = await read(after);
      rows.push(...batch);
      const last = batch.at(-1);
      if (last === undefined || batch.length < BATCH) return rows;
      after = last.id;
    }
  }

  async #entities(condition: Condition, after: string, limit: number): Promise<EntityRow[]> {
    const rows = await this.#rows<EntityRow>(entitiesSql(condition), after, limit, condition);
    for (const { name, entity_type, observations } of rows) this.#count([name, entity_type, ...observations]);
    return rows;
  }

  async #relations(condition: Condition, after: string, limit: number): Promise<RelationRow[]> {
    const rows = await this.#rows<RelationRow>(relationsSql(condition), after, limit, condition);
    for (const { from_name, to_name, relation_type } of rows) this.#count([from_name, to_name, relation_type]);
    return rows;
  }

  #rows<Row extends object>(sql: string, after: string, limit: number, { parameters }: Condition): Promise<Row[]> {
    return this.#queries.query<Row>(sql, [this.#tenant, after, limit, ...parameters]);
  }

  #count(texts: readonly string[]): void {
    for (const text of texts) this.#characters += text.length;
    if (this.#characters > MAX_CHARACTERS) {
      throw new GraphError(
        `The answer is over ${MAX_CHARACTERS / 2 ** 20} Mi characters. Ask for pages with \`limit\`, or for fewer nodes`,
      );
    }
  }
}

export const entityOf = ({ name, entity_type, observations }: EntityRow): Entity => ({
  name: fromStored(name),
  entityType: fromStored(entity_type),
  observations: observations.map(fromStored),
});

export const relationOf = ({ from_name, to_name, relation_type }: RelationRow): Relation => ({
  from: fromStored(from_name),
  to: fromStored(to_name),
  relationType: fromStored(relation_type),
});
