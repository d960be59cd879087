import { z } from "zod";
import type { Entity, Relation } from "../graph/graph.ts";

/** A line of the reference server's file. */
export type Line = ({ readonly type: "entity" } & Entity) | ({ readonly type: "relation" } & Relation);

/** What is wrong with a file, and where; nothing of what the line says. */
export class LineError extends Error {
  override readonly name = "LineError";
}

const text = z.string("must be a text");
const line = z.discriminatedUnion(
  "type",
  [
    z.object({
      type: z.literal("entity"),
      name: text,
      entityType: text,
      observations: z.array(text, "must be a list of texts"),
    }),
    z.object({ type: z.literal("relation"), from: text, to: text, relationType: text }),
  ],
  'must be "entity" or "relation"',
);

export const entityLine = ({ name, entityType, observations }: Entity): string =>
  JSON.stringify({ type: "entity", name, entityType, observations });

export const relationLine = ({ from, to, relationType }: Relation): string =>
  JSON.stringify({ type: "relation", from, to, relationType });

/** @param number of the line, from 1 */
export function parseLine(source: string, number: number): Line {
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch {
    throw new LineError(`line ${number} is not JSON; each line must be one entity or relation`);
  }
  const parsed = line.safeParse(value);
  if (parsed.success) return parsed.data;
  if (value === null || typeof value !== "object") {
    throw new LineError(`line ${number} is not a JSON object; each line must be one entity or relation`);
  }
  const problems = parsed.error.issues.map(({ path, message }) => `\`${path.join(".")}\` ${message}`);
  throw new LineError(`line ${number}: ${problems.join(", ")}`);
}
