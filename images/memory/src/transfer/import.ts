import type { Queries } from "../database/database.ts";
import { CHANNEL, type Tenant } from "../graph/tenant.ts";
import { entityRow, relationRow } from "../graph/writing.ts";
import { parseLine } from "./lines.ts";

const BATCH = 1_000;
/** Of the parts of a search text: see `graph/text.ts`. */
const SEPARATOR = "U&'\\FDEF'";

/** What an import did. */
export interface Imported {
  readonly lines: number;
  readonly entitiesCreated: number;
  /** Entities that were there, and got observations that they did not have. */
  readonly entitiesExtended: number;
  readonly relationsCreated: number;
}

/**
 * Adds a file of the reference server to a tenant's graph, all of it or nothing. What is there already is left as it
 * is: the second of two equal lines meets the second of two equal entities, so to repeat an import changes nothing.
 */
export function importGraph(tenant: Tenant, lines: AsyncIterable<string>): Promise<Imported> {
  return tenant.write(async (queries, id) => {
    await queries.script(`
      SET LOCAL statement_timeout = 0;
      CREATE TEMPORARY TABLE staged_entities (
        place bigint GENERATED ALWAYS AS IDENTITY, name text COLLATE "C", entity_type text, observations text[], search text
      ) ON COMMIT DROP;
      CREATE TEMPORARY TABLE staged_relations (
        place bigint GENERATED ALWAYS AS IDENTITY, from_name text COLLATE "C", to_name text COLLATE "C", relation_type text COLLATE "C"
      ) ON COMMIT DROP`);
    const count = await stage(queries, lines);
    await queries.script("ANALYZE staged_entities; ANALYZE staged_relations");
    const extended = await queries.query<{ n: number }>(EXTEND_ENTITIES, [id]);
    const created = await queries.query<{ n: number }>(CREATE_ENTITIES, [id]);
    const relations = await queries.query<{ n: number }>(CREATE_RELATIONS, [id]);
    // Until it is looked at anew, the planner would take the graph for as small as it was, and read all of it.
    await queries.script("ANALYZE memory.entities; ANALYZE memory.relations");
    await queries.query("SELECT pg_notify($1, $2)", [CHANNEL, `import ${id}`]);
    return {
      lines: count,
      entitiesCreated: created[0]?.n ?? 0,
      entitiesExtended: extended[0]?.n ?? 0,
      relationsCreated: relations[0]?.n ?? 0,
    };
  });
}

async function stage({ query }: Queries, lines: AsyncIterable<string>): Promise<number> {
  let entities: object[] = [];
  let relations: object[] = [];
  const flush = async (): Promise<void> => {
    if (entities.length > 0) await query(STAGE_ENTITIES, [JSON.stringify(entities)]);
    if (relations.length > 0) await query(STAGE_RELATIONS, [JSON.stringify(relations)]);
    entities = [];
    relations = [];
  };
  let number = 0;
  let count = 0;
  for await (const source of lines) {
    number++;
    if (source.trim() === "") continue;
    count++;
    const line = parseLine(source, number);
    if (line.type === "entity") entities.push(entityRow(line));
    else relations.push(relationRow(line));
    if (entities.length + relations.length >= BATCH) await flush();
  }
  await flush();
  return count;
}

const STAGE_ENTITIES = `
  INSERT INTO staged_entities (name, entity_type, observations, search)
  SELECT name, entity_type, observations, search
  FROM ROWS FROM (json_to_recordset($1::json) AS (name text, entity_type text, observations text[], search text))
    WITH ORDINALITY AS given (name, entity_type, observations, search, place) ORDER BY place`;

const STAGE_RELATIONS = `
  INSERT INTO staged_relations (from_name, to_name, relation_type)
  SELECT from_name, to_name, relation_type
  FROM ROWS FROM (json_to_recordset($1::json) AS (from_name text, to_name text, relation_type text))
    WITH ORDINALITY AS given (from_name, to_name, relation_type, place) ORDER BY place`;

/** Staged and present entities, each with its number among those of the same name. */
const NUMBERED_ENTITIES = `
  staged AS (SELECT *, row_number() OVER (PARTITION BY name ORDER BY place) AS copy FROM staged_entities),
  present AS (
    SELECT id, name, observations, search, row_number() OVER (PARTITION BY name ORDER BY id) AS copy
    FROM memory.entities WHERE tenant = $1
  )`;

/**
 * Observations that only the staged one has are put at the end: as many of each as it has more. Their lower case is
 * in the search text, after name and type.
 */
const EXTEND_ENTITIES = `
  WITH ${NUMBERED_ENTITIES}, extra AS (
    SELECT present.id, array_agg(wanted.text ORDER BY wanted.place) AS observations,
      string_agg(wanted.lower, ${SEPARATOR} ORDER BY wanted.place) AS search
    FROM staged JOIN present USING (name, copy)
    CROSS JOIN LATERAL (
      SELECT text, lower, place, row_number() OVER (PARTITION BY text ORDER BY place) AS copy
      FROM ROWS FROM (unnest(staged.observations), unnest((string_to_array(staged.search, ${SEPARATOR}))[3:]))
        WITH ORDINALITY AS given (text, lower, place)
    ) AS wanted
    WHERE wanted.copy > (SELECT count(*) FROM unnest(present.observations) AS had WHERE had = wanted.text)
    GROUP BY present.id
  ), changed AS (
    UPDATE memory.entities SET observations = entities.observations || extra.observations,
      search = entities.search || ${SEPARATOR} || extra.search
    FROM extra WHERE entities.id = extra.id RETURNING 1
  ) SELECT count(*)::int AS n FROM changed`;

const CREATE_ENTITIES = `
  WITH ${NUMBERED_ENTITIES}, made AS (
    INSERT INTO memory.entities (tenant, name, entity_type, observations, search)
    SELECT $1, name, entity_type, observations, search FROM staged
    WHERE NOT EXISTS (SELECT 1 FROM present WHERE present.name = staged.name AND present.copy = staged.copy)
    ORDER BY place RETURNING 1
  ) SELECT count(*)::int AS n FROM made`;

const CREATE_RELATIONS = `
  WITH staged AS (
    SELECT *, row_number() OVER (PARTITION BY from_name, to_name, relation_type ORDER BY place) AS copy FROM staged_relations
  ), present AS (
    SELECT *, row_number() OVER (PARTITION BY from_name, to_name, relation_type ORDER BY id) AS copy
    FROM memory.relations WHERE tenant = $1
  ), made AS (
    INSERT INTO memory.relations (tenant, from_name, to_name, relation_type)
    SELECT $1, from_name, to_name, relation_type FROM staged
    WHERE NOT EXISTS (
      SELECT 1 FROM present
      WHERE present.from_name = staged.from_name AND present.to_name = staged.to_name
        AND present.relation_type = staged.relation_type AND present.copy = staged.copy)
    ORDER BY place RETURNING 1
  ) SELECT count(*)::int AS n FROM made`;
