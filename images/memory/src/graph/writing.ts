import type { Queries } from "../database/database.ts";
import { type Entity, GraphError, type Relation } from "./graph.ts";
import { isOneOf } from "./reading.ts";
import { fromStored, searchText, toStored } from "./text.ts";

/** One tenant's graph, within a transaction that holds its lock. */
export interface Writable extends Queries {
  readonly tenant: number;
}

export interface ObservationsOf {
  readonly entityName: string;
  readonly contents: readonly string[];
}

export const entityRow = ({ name, entityType, observations }: Entity) => ({
  name: toStored(name),
  entity_type: toStored(entityType),
  observations: observations.map(toStored),
  search: searchText(name, entityType, observations),
});

export const relationRow = ({ from, to, relationType }: Relation) => ({
  from_name: toStored(from),
  to_name: toStored(to),
  relation_type: toStored(relationType),
});

/** Rows of a JSON parameter `$2`, numbered in its order. */
const GIVEN_ENTITIES = `ROWS FROM (json_to_recordset($2::json) AS (name text, entity_type text, observations text[], search text))
  WITH ORDINALITY AS given (name, entity_type, observations, search, place)`;
const GIVEN_RELATIONS = `ROWS FROM (json_to_recordset($2::json) AS (from_name text, to_name text, relation_type text))
  WITH ORDINALITY AS given (from_name, to_name, relation_type, place)`;

const SAME_RELATION = `tenant = $1
  AND hashtextextended(memory.relations.from_name, 0) = hashtextextended(given.from_name, 0)
  AND memory.relations.from_name = given.from_name AND memory.relations.to_name = given.to_name
  AND memory.relations.relation_type = given.relation_type`;

/** Those of the list that are at one of the places, which the database counts from 1. */
const at = <Item>(items: readonly Item[], places: readonly { place: string | number }[]): Item[] =>
  places.flatMap(({ place }) => items.slice(Number(place) - 1, Number(place)));

/** Makes the entities whose names are new, and says which: as in the reference, two of a name if one call gives two. */
export async function createEntities({ query, tenant }: Writable, entities: readonly Entity[]): Promise<Entity[]> {
  const places = await query<{ place: string }>(
    `WITH fresh AS (
       SELECT * FROM ${GIVEN_ENTITIES} WHERE NOT EXISTS (
         SELECT 1 FROM memory.entities WHERE tenant = $1
           AND hashtextextended(memory.entities.name, 0) = hashtextextended(given.name, 0)
           AND memory.entities.name = given.name)
     ), made AS (
       INSERT INTO memory.entities (tenant, name, entity_type, observations, search)
       SELECT $1, name, entity_type, observations, search FROM fresh ORDER BY place
     ) SELECT place::text FROM fresh ORDER BY fresh.place`,
    [tenant, JSON.stringify(entities.map(entityRow))],
  );
  return at(entities, places);
}

export async function createRelations(
  { query, tenant }: Writable,
  relations: readonly Relation[],
): Promise<Relation[]> {
  const places = await query<{ place: string }>(
    `WITH fresh AS (
       SELECT * FROM ${GIVEN_RELATIONS}
       WHERE NOT EXISTS (SELECT 1 FROM memory.relations WHERE ${SAME_RELATION})
     ), made AS (
       INSERT INTO memory.relations (tenant, from_name, to_name, relation_type)
       SELECT $1, from_name, to_name, relation_type FROM fresh ORDER BY place
     ) SELECT place::text FROM fresh ORDER BY fresh.place`,
    [tenant, JSON.stringify(relations.map(relationRow))],
  );
  return at(relations, places);
}

/** All or, if one of the entities is unknown, none. */
export async function addObservations(writable: Writable, additions: readonly ObservationsOf[]) {
  const entities = await firstOf(
    writable,
    additions.map(({ entityName }) => entityName),
  );
  const results = additions.map(({ entityName, contents }) => {
    const entity = entities.get(entityName);
    if (entity === undefined) throw new GraphError(`Entity with name ${entityName} not found`);
    const addedObservations = contents.filter((content) => !entity.observations.includes(content));
    entity.observations.push(...addedObservations);
    return { entityName, addedObservations };
  });
  await saveObservations(writable, entities.values());
  return results;
}

export async function deleteEntities({ query, tenant }: Writable, names: readonly string[]): Promise<void> {
  const stored = names.map(toStored);
  await query(`DELETE FROM memory.entities WHERE tenant = $1 AND ${isOneOf("name", "$2")}`, [tenant, stored]);
  await query(
    `DELETE FROM memory.relations WHERE tenant = $1 AND (${isOneOf("from_name", "$2")} OR ${isOneOf("to_name", "$2")})`,
    [tenant, stored],
  );
}

export async function deleteObservations(
  writable: Writable,
  deletions: readonly { readonly entityName: string; readonly observations: readonly string[] }[],
): Promise<void> {
  const entities = await firstOf(
    writable,
    deletions.map(({ entityName }) => entityName),
  );
  for (const { entityName, observations } of deletions) {
    const entity = entities.get(entityName);
    if (entity) entity.observations = entity.observations.filter((each) => !observations.includes(each));
  }
  await saveObservations(writable, entities.values());
}

export async function deleteRelations({ query, tenant }: Writable, relations: readonly Relation[]): Promise<void> {
  await query(`DELETE FROM memory.relations USING ${GIVEN_RELATIONS} WHERE ${SAME_RELATION}`, [
    tenant,
    JSON.stringify(relations.map(relationRow)),
  ]);
}

interface Observed {
  readonly id: string;
  readonly name: string;
  readonly entityType: string;
  observations: string[];
  readonly before: string;
}

/** The first entity of each name, which is the one that observations go to. */
async function firstOf({ query, tenant }: Writable, names: readonly string[]): Promise<Map<string, Observed>> {
  const rows = await query<{ id: string; name: string; entity_type: string; observations: string[] }>(
    `SELECT id::text, name, entity_type, observations FROM memory.entities
     WHERE tenant = $1 AND ${isOneOf("name", "$2")} ORDER BY memory.entities.id DESC`,
    [tenant, names.map(toStored)],
  );
  return new Map(
    rows.map(({ id, name, entity_type, observations }) => {
      const texts = observations.map(fromStored);
      const entity = { id, name: fromStored(name), entityType: fromStored(entity_type), observations: texts };
      return [entity.name, { ...entity, before: JSON.stringify(texts) }];
    }),
  );
}

async function saveObservations({ query }: Writable, entities: Iterable<Observed>): Promise<void> {
  const changed = [...entities].filter(({ observations, before }) => JSON.stringify(observations) !== before);
  if (changed.length === 0) return;
  await query(
    `UPDATE memory.entities SET observations = given.observations, search = given.search
     FROM json_to_recordset($1::json) AS given (id bigint, observations text[], search text)
     WHERE memory.entities.id = given.id`,
    [JSON.stringify(changed.map((entity) => ({ id: entity.id, ...pick(entityRow(entity)) })))],
  );
}

const pick = ({ observations, search }: ReturnType<typeof entityRow>) => ({ observations, search });
