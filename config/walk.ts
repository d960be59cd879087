import { z } from "zod";
import type { FieldDoc } from "./field.ts";

interface Def {
  readonly innerType?: z.core.$ZodType;
  readonly shape?: Record<PropertyKey, z.core.$ZodType>;
  readonly element?: z.core.$ZodType;
}

const defOf = (schema: z.core.$ZodType): Def => schema._zod.def as Def;

/** A schema and what it wraps (a default or an optional wraps the schema of the value), outermost first. */
function layers(schema: z.core.$ZodType): z.core.$ZodType[] {
  const { innerType } = defOf(schema);
  return innerType ? [schema, ...layers(innerType)] : [schema];
}

/** The schema itself, without wrappers. */
const bare = (schema: z.core.$ZodType) => layers(schema).at(-1) ?? schema;

/** Schemas of the keys of an object, or nothing for anything else. */
export const shapeOf = (schema: z.core.$ZodType): Readonly<Record<string, z.core.$ZodType>> =>
  defOf(bare(schema)).shape ?? {};

/** Schema of the elements of a list. */
export const elementOf = (schema: z.core.$ZodType): z.core.$ZodType | undefined => defOf(bare(schema)).element;

/** Schemas met on the way along a path, as far as it goes. */
function along(schema: z.core.$ZodType, path: readonly PropertyKey[]): z.core.$ZodType[] {
  const [step, ...rest] = path;
  const next = step === undefined ? undefined : (shapeOf(schema)[String(step)] ?? elementOf(schema));
  return next ? [schema, ...along(next, rest)] : [schema];
}

/** The words about one key. */
export function docOf(schema: z.core.$ZodType): FieldDoc | undefined {
  const metas = layers(schema).map((layer) => z.globalRegistry.get(layer) as Partial<FieldDoc> | undefined);
  return metas.find((meta) => meta?.allowed !== undefined) as FieldDoc | undefined;
}

/** The words about the key at a path, or about the nearest key above it that has some. */
export const docAt = (schema: z.core.$ZodType, path: readonly PropertyKey[]): FieldDoc | undefined =>
  along(schema, path)
    .map(docOf)
    .findLast((doc) => doc !== undefined);

/** Names of the keys that an object at a path may have. */
export const keysAt = (schema: z.core.$ZodType, path: readonly PropertyKey[]): string[] =>
  Object.keys(shapeOf(along(schema, path).at(-1) ?? schema));
