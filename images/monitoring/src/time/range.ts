import { ToolError } from "../backends/backend-error.ts";
import { type Moment, readMoment } from "./moment.ts";
import { Zone } from "./zone.ts";

export interface TimeRange {
  readonly from: Date;
  readonly to: Date;
}

const UNIT_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const AMOUNT = String.raw`\d+(?:\.\d+)?\s*(?:s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?)`;
const AMOUNTS = new RegExp(
  String.raw`^(?:(?:for |over |in )?(?:the )?(?:last|past) )?((?:${AMOUNT}[\s,]*(?:and )?)+)(?: ago)?$`,
  "i",
);
const LAST_UNIT = /^(?:for |over |in )?(?:the )?(?:last|past) (second|minute|hour|day|week)$/i;
const PART = /(\d+(?:\.\d+)?)\s*([smhdw])/gi;
const ENDS = /^(?:from |between )?(.+?)(?: (?:to|until|till|and|-|–|—) |\s*\/\s*)(.+)$/i;
/** Between times of day the dash often stands alone: 14:00-15:30. */
const BARE_DASH = /(\d(?::\d{2})?(?:\s*[ap]m)?)\s*[-–—]\s*(\d{1,2}(?::\d{2}|\s*[ap]m)[^-]*)$/i;
const SINCE = /^(?:since|from|after) /i;

const UNDERSTOOD =
  "understood are for example: 15m, last 2 hours, today, yesterday 14:00 to 15:30, since 9:00, 2026-11-23, 2026-11-23T14:00Z/2026-11-23T15:00Z";

/** Milliseconds of "1h30m" or "last 2 hours"; undefined if it is no length of time. */
function lengthOf(text: string): number | undefined {
  const unit = LAST_UNIT.exec(text)?.[1]?.[0]?.toLowerCase();
  if (unit !== undefined) return UNIT_MS[unit];
  const amounts = AMOUNTS.exec(text)?.[1];
  if (amounts === undefined) return undefined;
  return [...amounts.matchAll(PART)].reduce(
    (sum, [, count, unit = ""]) => sum + Number(count) * (UNIT_MS[unit.toLowerCase()] ?? 0),
    0,
  );
}

const startOf = (moment: Moment, zone: Zone): Date => {
  if (moment.kind === "instant") return moment.at;
  return zone.instant(moment.kind === "day" ? moment.day : moment.clock);
};

/** The end of a range: of a day its last moment, of a time of day the first one after `from`. */
function endOf(moment: Moment, from: Date, zone: Zone): Date {
  if (moment.kind === "instant") return moment.at;
  if (moment.kind === "day") return zone.instant({ ...moment.day, day: moment.day.day + 1 });
  const { year, month, day } = zone.wall(from);
  const sameDay = { ...moment.clock, year, month, day };
  const end = zone.instant(sameDay);
  return end > from ? end : zone.instant({ ...sameDay, day: day + 1 });
}

/**
 * A time range as people write it. What ends in the future ends now. A time of day without a day is the latest one
 * that has been.
 *
 * @param zoneName what times without an offset are meant in
 */
export function readRange(text: string, zoneName: string, now = new Date()): TimeRange {
  const zone = new Zone(zoneName);
  const clean = text.trim().replaceAll(/\s+/g, " ");
  const problem = (what: string) => new ToolError(`\`range\` ${JSON.stringify(text)} ${what}`);
  const length = lengthOf(clean);
  if (length !== undefined) {
    if (length === 0) throw problem("is no time at all; ask for at least a second");
    return { from: new Date(now.getTime() - length), to: now };
  }
  const moment = (part: string): Moment => {
    const ago = / ago$/i.test(part) ? lengthOf(part) : undefined;
    if (ago !== undefined) return { kind: "instant", at: new Date(now.getTime() - ago) };
    const found = readMoment(part, now, zone);
    if (found === undefined) throw problem(`is not understood${part === clean ? "" : ` at ${part}`}; ${UNDERSTOOD}`);
    return found;
  };
  const whole = readMoment(clean, now, zone);
  const [, first = clean.replace(SINCE, ""), last] =
    whole === undefined ? (ENDS.exec(clean.replace(BARE_DASH, "$1 to $2")) ?? []) : [];
  const begins = moment(first);
  let from = startOf(begins, zone);
  if (begins.kind === "clock" && from > now) from = zone.instant({ ...begins.clock, day: begins.clock.day - 1 });
  const sinceThen = begins.kind !== "day" || SINCE.test(clean);
  const end = last !== undefined ? endOf(moment(last), from, zone) : sinceThen ? now : endOf(begins, from, zone);
  const to = end > now ? now : end;
  if (from >= now) throw problem(`begins in the future, at ${from.toISOString()}; it is ${now.toISOString()} now`);
  if (from >= to) throw problem(`ends (${to.toISOString()}) before it begins (${from.toISOString()})`);
  return { from, to };
}
