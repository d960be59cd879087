import { z } from "zod";

/** What an error and the reference in the README say of a configuration key. */
export interface FieldDoc {
  readonly description: string;
  /** The values that are taken, in words. */
  readonly allowed: string;
  /** What to do about a value that is not. */
  readonly remedy: string;
}

/** A configuration key: its schema, with the words that its errors and its documentation use. */
export function field<Schema extends z.ZodType>(doc: FieldDoc, schema: Schema): Schema {
  return schema.meta({ ...doc }) as Schema;
}

/** Common kinds of keys, so that the same thing is described in the same words everywhere. */
export const flag = (description: string, fallback: boolean) =>
  field(
    { description, allowed: "true or false", remedy: `leave it out for ${fallback}` },
    z.boolean().default(fallback),
  );

export const wholeNumber = (description: string, unit: string, min: number, max: number) =>
  field(
    {
      description,
      allowed: `a whole number from ${min} to ${max}${unit && ` (${unit})`}`,
      remedy: "pick one of these",
    },
    z.int().min(min).max(max),
  );
