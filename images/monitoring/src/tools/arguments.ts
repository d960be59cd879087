import { z } from "zod";
import { readRange, type TimeRange } from "../time/range.ts";

/** Arguments that several tools take. */
export const rangeArguments = (usual: string) => ({
  range: z
    .string()
    .max(100)
    .default(usual)
    .describe(
      "Time range: a length up to now (15m, 1h30m, last 2 hours, 7d), a day (today, yesterday, 2026-11-23), from a time until now (since 9:00), or two ends (yesterday 14:00 to 15:30, 2026-11-23T14:00Z/2026-11-23T15:00Z).",
    ),
  timeZone: z
    .string()
    .max(64)
    .default("UTC")
    .describe("Time zone of times in `range` that have no offset: a name such as Europe/Vienna, or +02:00."),
});

export const pointsArgument = z
  .number()
  .int()
  .min(1)
  .max(60)
  .default(12)
  .describe("Points in time per series, 1 to 60; last, avg, min and max are of all values, whatever this is.");

export const rangeSchema = z.object({
  from: z.string().describe("ISO, UTC"),
  to: z.string().describe("ISO, UTC"),
});

export function rangeOf({ range, timeZone }: { range: string; timeZone: string }): TimeRange {
  return readRange(range, timeZone);
}

export const shownRange = ({ from, to }: TimeRange) => ({ from: from.toISOString(), to: to.toISOString() });

/** What was left out and how to get it: empty where nothing was. */
export const notesSchema = z.array(z.string()).describe("What is left out or could not be had, and how to get it.");

export const textWith = (parts: readonly string[], notes: readonly string[]) =>
  [...parts, ...notes.map((note) => `Note: ${note}`)].join("\n");
