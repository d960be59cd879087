import { z } from "zod";

/** Points over time of one thing, and what they come to. */
export const seriesSchema = z.object({
  name: z.string().describe("Dimension, or what is computed of all: see `computed`."),
  computed: z.boolean().optional().describe("Computed here from the other series."),
  unit: z.string().optional().describe("Where it is not that of the metric."),
  last: z.number().nullable().describe("The newest value in the range."),
  avg: z.number().nullable(),
  min: z.number().nullable(),
  max: z.number().nullable(),
  points: z.array(z.number().nullable()).describe("Averages over equal parts of the range, oldest first."),
});
export type Series = z.output<typeof seriesSchema>;

export type Values = readonly (number | null)[];

/** Six digits say enough, and cost less. */
export const short = (value: number | null | undefined): number | null =>
  value === null || value === undefined || !Number.isFinite(value) ? null : Number(value.toPrecision(6));

const known = (values: Values) => values.filter((value): value is number => value !== null && Number.isFinite(value));

const average = (values: Values): number | null => {
  const numbers = known(values);
  return numbers.length === 0 ? null : numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
};

/** Averages of equal parts; no more parts than values. */
function parts(values: Values, count: number): (number | null)[] {
  const wanted = Math.min(count, values.length);
  return Array.from({ length: wanted }, (_, index) => {
    const [from, to] = [index, index + 1].map((it) => Math.round((it * values.length) / wanted));
    return short(average(values.slice(from, to)));
  });
}

/** @param extremes values between those of `values`, as far as they are known */
export function summarise(name: string, values: Values, points: number, extremes: Values = []): Series {
  const all = known([...values, ...extremes]);
  return {
    name,
    last: short(known(values).at(-1)),
    avg: short(average(values)),
    min: short(all.length === 0 ? null : Math.min(...all)),
    max: short(all.length === 0 ? null : Math.max(...all)),
    points: parts(values, points),
  };
}
