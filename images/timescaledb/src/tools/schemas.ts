import { z } from "zod";

/** What several tools take or return, described once. */

export const tableName = {
  table: z
    .string()
    .min(1)
    .max(200)
    .describe("Name of the hypertable or continuous aggregate, as list_* tools give it."),
  schema: z.string().min(1).max(63).optional().describe("Its schema; only needed where several have that name."),
};

export const page = {
  limit: z.int().min(1).max(500).default(50).describe("Entries to return at most."),
  offset: z.int().min(0).default(0).describe("Entries to skip."),
};

export const pageOutput = {
  total: z.int().describe("Entries that there are in all; ask on with `offset`."),
};

const UNITS = "(?:microsecond|millisecond|second|minute|hour|day|week|month|year)s?";
/** Alone it is only ever digits, spaces and units: it can stand in a statement as it is. */
const INTERVAL = new RegExp(`^\\d{1,6}(?:\\.\\d{1,6})? ?${UNITS}(?: \\d{1,6} ?${UNITS}){0,3}$`);

export const interval = z
  .string()
  .regex(INTERVAL, "must be an interval such as `15 minutes`, `1 hour`, `7 days` or `1 month`")
  .describe("An interval, such as `15 minutes`, `1 hour`, `7 days` or `1 month`.");

/** Along a time column an interval, along an integer one a number. */
export const step = z.union([interval, z.int().min(1)]);

/** A point along a time column, or along an integer one. */
export const point = z
  .union([z.iso.datetime({ offset: true, local: true }), z.iso.date(), z.int()])
  .describe("A time in ISO 8601 (UTC unless it has an offset), or a number where the time column is an integer.");

export const sizes = {
  total_bytes: z.number().nullable(),
  table_bytes: z.number().nullable(),
  index_bytes: z.number().nullable(),
  toast_bytes: z.number().nullable(),
};

export const dimension = z.object({
  column: z.string(),
  type: z.string(),
  kind: z.enum(["time", "space"]),
  interval: z.string().nullable().describe("Width of a chunk along it, if it is one of time."),
  partitions: z.number().nullable().describe("Number of partitions, if it is one of space."),
});

export const columns = z.array(z.object({ name: z.string(), type: z.string() }));

/** Rows as lists, in the order of the columns: their names are not repeated in each. */
export const resultRows = z.array(z.array(z.unknown()));

/** For tools that change something. */
export const dryRun = (fallback: boolean) =>
  z.boolean().default(fallback).describe("Try it and take it back: shows what would happen, and fails as it would.");
