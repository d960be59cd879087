import { casual as chrono } from "chrono-node/en";
import type { WallTime, Zone } from "./zone.ts";

/** A point in time, or a whole day where no time of day is named. */
export type Moment =
  | { readonly kind: "instant"; readonly at: Date }
  | { readonly kind: "day"; readonly day: WallTime }
  /** A time of day without a day. */
  | { readonly kind: "clock"; readonly clock: WallTime };

const MIDNIGHT = { hour: 0, minute: 0, second: 0, millisecond: 0 };
const ISO = /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?)?\s*(Z|[+-]\d{2}:?\d{2})?$/i;
const EPOCH = /^(\d{10})(\d{3})?(\d{6})?$/;

/** ISO 8601, as it is written by machines: read strictly, since a language's parser would guess. */
function isoMoment(text: string, zone: Zone): Moment | undefined {
  const found = ISO.exec(text);
  if (found === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction, offset] = found;
  const date = { year: Number(year), month: Number(month), day: Number(day) };
  // The 30th of February would silently be another day.
  const real = new Date(Date.UTC(date.year, date.month - 1, date.day));
  if (real.getUTCMonth() + 1 !== date.month || real.getUTCDate() !== date.day) return undefined;
  if (hour === undefined) return offset === undefined ? { kind: "day", day: { ...date, ...MIDNIGHT } } : undefined;
  const clock = {
    hour: Number(hour),
    minute: Number(minute),
    second: Number(second ?? 0),
    millisecond: Math.floor(Number(`0.${fraction ?? 0}`) * 1_000),
  };
  if (clock.hour > 24 || clock.minute > 59 || clock.second > 60) return undefined;
  if (offset === undefined) return { kind: "instant", at: zone.instant({ ...date, ...clock }) };
  const [sign, hours, minutes] = /[+-]/.test(offset)
    ? [offset.startsWith("-") ? -1 : 1, Number(offset.slice(1, 3)), Number(offset.slice(-2))]
    : [1, 0, 0];
  const utc = Date.UTC(date.year, date.month - 1, date.day, clock.hour, clock.minute, clock.second, clock.millisecond);
  return { kind: "instant", at: new Date(utc - sign * (hours * 60 + minutes) * 60_000) };
}

/** One end of a range, as people and machines write it; undefined if it is not understood as a whole. */
export function readMoment(text: string, now: Date, zone: Zone): Moment | undefined {
  if (/^now$/i.test(text)) return { kind: "instant", at: now };
  const epoch = EPOCH.exec(text);
  if (epoch !== null) return { kind: "instant", at: new Date(Number(epoch[1]) * 1_000 + Number(epoch[2] ?? 0)) };
  const iso = isoMoment(text, zone);
  if (iso !== undefined) return iso;
  const [found, ...more] = chrono.parse(text, { instant: now, timezone: zone.offset(now) });
  // Half an understanding is worse than none.
  if (found === undefined || more.length > 0 || found.end != null || found.text.trim() !== text) return undefined;
  const { start } = found;
  if (start.isCertain("hour") && start.isCertain("timezoneOffset")) return { kind: "instant", at: start.date() };
  const value = (part: "year" | "month" | "day" | "hour" | "minute" | "second") => start.get(part) ?? 0;
  const day = { year: value("year"), month: value("month"), day: value("day"), ...MIDNIGHT };
  if (!start.isCertain("hour")) return { kind: "day", day };
  const clock = { ...day, hour: value("hour"), minute: value("minute"), second: start.get("second") ?? 0 };
  const named = (["day", "weekday", "month"] as const).some((part) => start.isCertain(part));
  return named ? { kind: "instant", at: zone.instant(clock) } : { kind: "clock", clock };
}
