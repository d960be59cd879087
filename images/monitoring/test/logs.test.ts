import { describe, expect, test } from "vitest";
import { collectLines, isoOf } from "../src/logs/lines.ts";
import { logQuery, quoted } from "../src/logs/logql.ts";

const labels = { service: "mcp_type", container: "container_name" };

describe("a query made of simple arguments", () => {
  test.each([
    [{}, '{mcp_type=~".+"}'],
    [{ service: "memory" }, '{mcp_type="memory"}'],
    [{ container: "mcp-memory" }, '{container_name="mcp-memory"}'],
    [{ service: "memory", container: "mcp-memory" }, '{mcp_type="memory", container_name="mcp-memory"}'],
    [{ service: "memory", text: "time out" }, '{mcp_type="memory"} |= "time out"'],
    [{ text: "a", regex: "b+", exclude: "c" }, '{mcp_type=~".+"} |= "a" |~ "b+" != "c"'],
    [
      { text: "a.b", regex: "c|d", exclude: "(e)", ignoreCase: true },
      '{mcp_type=~".+"} |~ "(?i)a\\\\.b" |~ "(?i)c|d" !~ "(?i)\\\\(e\\\\)"',
    ],
    [
      { level: "error" as const },
      '{mcp_type=~".+"} | detected_level=~"(?i)(error|err|fatal|critical|crit|alert|emerg|emergency|panic)" or level=~"(?i)(error|err|fatal|critical|crit|alert|emerg|emergency|panic)"',
    ],
  ])("%j", (filter, query) => {
    expect(logQuery(filter, labels)).toBe(query);
  });

  test("cannot be left by what is in an argument", () => {
    expect(logQuery({ service: 'x"} |= "y' }, labels)).toBe('{mcp_type="x\\"} |= \\"y"}');
    expect(logQuery({ text: 'quote " backslash \\ backtick ` tab \t line \n end' }, labels)).toBe(
      '{mcp_type=~".+"} |= "quote \\" backslash \\\\ backtick ` tab \\t line \\n end"',
    );
    // Half of a surrogate pair is nothing that Go's strings can hold.
    expect(quoted("a\ud800b\u0000")).toBe('"a\ufffdb\\u0000"');
  });
});

describe("lines of several streams", () => {
  const streams = [
    {
      labels: { mcp_type: "a" },
      lines: [["1795471428000000003", "third"] as const, ["1795471428000000001", "first"] as const],
    },
    { labels: { mcp_type: "b" }, lines: [["1795471428000000002", "second"] as const] },
  ];

  test("come in one order, to the nanosecond", () => {
    const { entries, streams: used, cut } = collectLines(streams, { limit: 3, newestFirst: true });
    expect(entries).toEqual([
      { time: "2026-11-23T22:03:48.000000003Z", stream: 0, line: "third" },
      { time: "2026-11-23T22:03:48.000000002Z", stream: 1, line: "second" },
      { time: "2026-11-23T22:03:48.000000001Z", stream: 0, line: "first" },
    ]);
    expect(used).toEqual([{ mcp_type: "a" }, { mcp_type: "b" }]);
    expect(cut).toBeUndefined();
    const oldest = collectLines(streams, { limit: 3, newestFirst: false });
    expect(oldest.entries.map(({ line }) => line)).toEqual(["first", "second", "third"]);
  });

  test("are cut at the limit, and say so", () => {
    const { entries, streams: used, cut } = collectLines(streams, { limit: 1, newestFirst: false });
    expect(entries.map(({ line }) => line)).toEqual(["first"]);
    expect(used).toEqual([{ mcp_type: "a" }]);
    expect(cut).toBe("limit");
  });

  test("are cut where they would be too much to read, and long ones lose their end", () => {
    const lines = Array.from({ length: 100 }, (_, at) => [`17954714280000000${at + 10}`, "x".repeat(5_000)] as const);
    const { entries, shortened, cut } = collectLines([{ labels: {}, lines }], { limit: 100, newestFirst: false });
    expect(cut).toBe("bytes");
    expect(entries).toHaveLength(24);
    expect(shortened).toBe(24);
    expect(entries[0]?.line).toBe(`${"x".repeat(2_000)}…`);
  });

  test("have times also where these are odd", () => {
    expect(isoOf("1")).toBe("1970-01-01T00:00:00.000000001Z");
  });
});
