import { describe, expect, test } from "vitest";
import { readRange } from "../src/time/range.ts";

// A Monday.
const NOW = new Date("2026-11-23T10:20:30Z");
const read = (text: string, zone = "UTC") => {
  const { from, to } = readRange(text, zone, NOW);
  return `${from.toISOString().replace(".000", "")} ${to.toISOString().replace(".000", "")}`;
};
const now = "2026-11-23T10:20:30Z";

describe("a time range", () => {
  test.each([
    ["15m", `2026-11-23T10:05:30Z ${now}`],
    ["90s", `2026-11-23T10:19:00Z ${now}`],
    ["1h30m", `2026-11-23T08:50:30Z ${now}`],
    ["1.5h", `2026-11-23T08:50:30Z ${now}`],
    ["7d", `2026-11-16T10:20:30Z ${now}`],
    ["last 2 hours", `2026-11-23T08:20:30Z ${now}`],
    ["in the last 2 Hours", `2026-11-23T08:20:30Z ${now}`],
    ["past 1 hour and 5 minutes", `2026-11-23T09:15:30Z ${now}`],
    ["last hour", `2026-11-23T09:20:30Z ${now}`],
    ["the past week", `2026-11-16T10:20:30Z ${now}`],
    ["2 hours ago", `2026-11-23T08:20:30Z ${now}`],
    ["2 hours ago to 1 hour ago", "2026-11-23T08:20:30Z 2026-11-23T09:20:30Z"],
    ["from 30m ago until now", `2026-11-23T09:50:30Z ${now}`],
    ["today", `2026-11-23T00:00:00Z ${now}`],
    ["yesterday", "2026-11-22T00:00:00Z 2026-11-23T00:00:00Z"],
    ["yesterday 14:00 to 15:30", "2026-11-22T14:00:00Z 2026-11-22T15:30:00Z"],
    ["yesterday 14:00-15:30", "2026-11-22T14:00:00Z 2026-11-22T15:30:00Z"],
    ["yesterday 23:00 to 01:00", "2026-11-22T23:00:00Z 2026-11-23T01:00:00Z"],
    ["yesterday 2pm until now", `2026-11-22T14:00:00Z ${now}`],
    ["yesterday to today", `2026-11-22T00:00:00Z ${now}`],
    ["since yesterday", `2026-11-22T00:00:00Z ${now}`],
    ["since 9:00", `2026-11-23T09:00:00Z ${now}`],
    ["9:00", `2026-11-23T09:00:00Z ${now}`],
    ["between 9:00 and 10:00", "2026-11-23T09:00:00Z 2026-11-23T10:00:00Z"],
    ["9am - 10am", "2026-11-23T09:00:00Z 2026-11-23T10:00:00Z"],
    // 22:00 of today is still to come.
    ["22:00 to 23:00", "2026-11-22T22:00:00Z 2026-11-22T23:00:00Z"],
    ["last friday 14:00 to 16:00", "2026-11-20T14:00:00Z 2026-11-20T16:00:00Z"],
    ["2026-11-20", "2026-11-20T00:00:00Z 2026-11-21T00:00:00Z"],
    ["2026-11-20 to 2026-11-21", "2026-11-20T00:00:00Z 2026-11-22T00:00:00Z"],
    ["2026-11-20 14:00 to 2026-11-21 16:00", "2026-11-20T14:00:00Z 2026-11-21T16:00:00Z"],
    ["2026-11-20 14:00 to 16:00", "2026-11-20T14:00:00Z 2026-11-20T16:00:00Z"],
    ["2026-11-20T14:00:00Z/2026-11-20T15:00:00.5Z", "2026-11-20T14:00:00Z 2026-11-20T15:00:00.500Z"],
    ["2026-11-20T14:00+02:00 / 2026-11-20T15:00+0200", "2026-11-20T12:00:00Z 2026-11-20T13:00:00Z"],
    ["2026-11-23T10:00:00.123456789Z", `2026-11-23T10:00:00.123Z ${now}`],
    ["1795425600 to 1795429200000", "2026-11-23T09:20:00Z 2026-11-23T10:20:00Z"],
    ["today to tomorrow", `2026-11-23T00:00:00Z ${now}`],
  ])("%s", (text, expected) => {
    expect(read(text)).toBe(expected);
  });

  test("is meant in the time zone that is given", () => {
    expect(read("today", "Europe/Vienna")).toBe(`2026-11-22T23:00:00Z ${now}`);
    expect(read("yesterday 14:00 to 15:30", "+05:30")).toBe("2026-11-22T08:30:00Z 2026-11-22T10:00:00Z");
    expect(read("2026-11-20T14:00 to 2026-11-20T15:00", "America/New_York")).toBe(
      "2026-11-20T19:00:00Z 2026-11-20T20:00:00Z",
    );
    // An offset in the text wins.
    expect(read("2026-11-20T14:00Z to 2026-11-20T15:00Z", "America/New_York")).toBe(
      "2026-11-20T14:00:00Z 2026-11-20T15:00:00Z",
    );
  });

  test("has the hours that the clocks had: 25 on the day they went back, 23 when they went forward", () => {
    expect(read("2026-10-25", "Europe/Vienna")).toBe("2026-10-24T22:00:00Z 2026-10-25T23:00:00Z");
    expect(read("2026-03-29", "Europe/Vienna")).toBe("2026-03-28T23:00:00Z 2026-03-29T22:00:00Z");
    expect(read("2026-07-01 12:00 to 13:00", "Europe/Vienna")).toBe("2026-07-01T10:00:00Z 2026-07-01T11:00:00Z");
  });

  test.each([
    ["next week", "in the future"],
    ["tomorrow", "in the future"],
    ["0s", "no time at all"],
    ["15:00 yesterday to 14:00 yesterday", "ends (2026-11-22T14:00:00.000Z) before it begins"],
    ["some time", "is not understood"],
    ["yesterday-ish", "is not understood"],
    ["2026-02-30", "is not understood"],
    ["2026-11-20 to whenever", "is not understood at whenever"],
    ["", "is not understood"],
  ])("that makes no sense is refused: %s", (text, fault) => {
    expect(() => read(text)).toThrow(fault);
  });

  test("in a zone that nobody knows is refused", () => {
    expect(() => read("1h", "Mars/Olympus")).toThrow(/`timeZone` "Mars\/Olympus" is not known; use a name such as/);
  });
});
