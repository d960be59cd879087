import { ToolError } from "../backends/backend-error.ts";

/** Date and time of day as a clock on the wall shows them; `month` from 1. */
export interface WallTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
  readonly millisecond: number;
}

/** A time zone: what its clocks show, and when they show it. */
export class Zone {
  readonly name: string;
  readonly #format: Intl.DateTimeFormat;

  constructor(name: string) {
    this.name = name;
    try {
      this.#format = new Intl.DateTimeFormat("en-GB", {
        timeZone: name,
        hourCycle: "h23",
        era: "short",
        year: "numeric",
        month: "numeric",
        day: "numeric",
        hour: "numeric",
        minute: "numeric",
        second: "numeric",
      });
    } catch {
      throw new ToolError(
        `\`timeZone\` ${JSON.stringify(name)} is not known; use a name such as Europe/Vienna, an offset such as +02:00, or leave it out for UTC`,
      );
    }
  }

  /** Minutes by which its clocks are ahead of UTC at that time. */
  offset(at: Date): number {
    const parts = Object.fromEntries(this.#format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
    const shown = Date.UTC(year, month - 1, day, hour, minute, second);
    return Math.round((shown - Math.floor(at.getTime() / 1_000) * 1_000) / 60_000);
  }

  wall(at: Date): WallTime {
    const shown = new Date(at.getTime() + this.offset(at) * 60_000);
    return {
      year: shown.getUTCFullYear(),
      month: shown.getUTCMonth() + 1,
      day: shown.getUTCDate(),
      hour: shown.getUTCHours(),
      minute: shown.getUTCMinutes(),
      second: shown.getUTCSeconds(),
      millisecond: shown.getUTCMilliseconds(),
    };
  }

  /** When the clocks show that. Days and hours beyond their month and day count on into the next. */
  instant({ year, month, day, hour, minute, second, millisecond }: WallTime): Date {
    const shown = Date.UTC(year, month - 1, day, hour, minute, second, millisecond);
    // The offset of that very time is known only once the time is: the second step corrects the first one's guess.
    const guess = shown - this.offset(new Date(shown)) * 60_000;
    return new Date(shown - this.offset(new Date(guess)) * 60_000);
  }
}
