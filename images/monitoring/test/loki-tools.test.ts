import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Answer, FakeServer } from "./fixtures/fake-server.ts";
import { loki } from "./fixtures/recorded.ts";
import { ToolClient } from "./fixtures/tools.ts";

let backend: FakeServer;
let tools: ToolClient;
/** What Loki answers to a query over a range. */
let reply: Parameters<typeof loki>[0]["query"];

const answer: Answer = (url, request) => loki({ query: reply })(url, request);

beforeAll(async () => {
  backend = await FakeServer.start(answer);
  tools = await ToolClient.connect({ LOKI_URL: backend.url, LOKI_TOKEN: "s3cret", LOKI_TENANT: "team-a" });
});
afterAll(() => Promise.all([tools[Symbol.asyncDispose](), backend.stop()]));
beforeEach(() => {
  reply = "lines";
  backend.asked.length = 0;
});
const RANGE = "2026-11-23T22:25:40Z/2026-11-23T22:35:40Z";

describe("search_logs", () => {
  test("returns lines of all streams in one order, with their labels", async () => {
    const { data, text } = await tools.call("search_logs", { range: RANGE });
    expect(data).toMatchObject({
      query: '{mcp_type=~".+"}',
      range: { from: "2026-11-23T22:25:40.000Z", to: "2026-11-23T22:35:40.000Z" },
      kind: "logs",
      truncated: false,
      notes: [],
    });
    expect(data.entries).toEqual([
      { time: "2026-11-23T22:34:14.000000003Z", stream: 0, line: 'plain text with WARN: a "quoted" thing' },
      { time: "2026-11-23T22:34:09.000000004Z", stream: 1, line: "the end is near (50%) [x]" },
      {
        time: "2026-11-23T22:34:04.000000002Z",
        stream: 2,
        line: '{"level":"error","event":"boom","text":"a \\"quoted\\" thing"}',
      },
      {
        time: "2026-11-23T22:33:54.000000001Z",
        stream: 3,
        line: '{"level":"info","event":"listening","server":"fetch"}',
      },
    ]);
    expect(data.streams[1]).toEqual({
      mcp_type: "memory",
      container_name: "mcp-memory",
      level: "critical",
      detected_level: "critical",
    });
    expect(text.split("\n")[2]).toBe("2026-11-23T22:34:09.000000004Z memory: the end is near (50%) [x]");
  });

  test("asks Loki for that range and no more lines than are wanted, with its credentials", async () => {
    await tools.call("search_logs", { service: "fetch", range: RANGE, limit: 7, order: "oldest" });
    const [{ path, params, headers } = { path: "", params: {}, headers: {} }] = backend.asked;
    expect(path).toBe("/loki/api/v1/query_range");
    expect(params).toEqual({
      query: '{mcp_type="fetch"}',
      start: "1795472740000000000",
      end: "1795473340000000000",
      limit: "8",
      direction: "forward",
      step: "5s",
    });
    expect([headers.authorization, headers["x-scope-orgid"]]).toEqual(["Bearer s3cret", "team-a"]);
  });

  test("says when there is more, and how to get it", async () => {
    const { data } = await tools.call("search_logs", { range: RANGE, limit: 3 });
    expect(data.entries).toHaveLength(3);
    expect(data.truncated).toBe(true);
    expect(data.notes).toEqual([
      "there are more than the 3 newest lines that are shown; narrow the range, add text, regex or level, or raise `limit` (up to 1000)",
    ]);
  });

  test("passes LogQL on as it is, and sums up the numbers of a metric query", async () => {
    reply = "matrix";
    const query = 'sum by (mcp_type) (count_over_time({mcp_type=~".+"}[1m]))';
    const { data, text } = await tools.call("search_logs", { query, range: RANGE });
    expect(backend.asked[0]?.params.query).toBe(query);
    expect([data.kind, data.entries, data.streams]).toEqual([
      "metrics",
      [],
      [{ mcp_type: "fetch" }, { mcp_type: "memory" }],
    ]);
    const nothing = Array.from({ length: 9 }, () => null);
    expect(data.series).toEqual([
      { name: "mcp_type=fetch", stream: 0, last: 2, avg: 2, min: 1, max: 3, points: [...nothing, 1, 3, 2] },
      { name: "mcp_type=memory", stream: 1, last: 1, avg: 1, min: 1, max: 1, points: [...nothing, null, 1, 1] },
    ]);
    expect(text).toContain("mcp_type=fetch: last 2, avg 2, min 1, max 3");
  });

  test("passes Loki's own words on when it does not take a query", async () => {
    reply = "parseError";
    const { isError, text } = await tools.call("search_logs", { query: '{mcp_type="fetch"} |=' });
    expect(isError).toBe(true);
    expect(text).toBe(
      'Loki does not take this query: parse error at line 1, col 22: syntax error: unexpected $end, expecting STRING or ip\nThe query was: {mcp_type="fetch"} |=',
    );
  });

  test("that finds nothing says which services there are", async () => {
    reply = "none";
    const named = await tools.call("search_logs", { service: "nobody", range: RANGE });
    expect(named.data.notes).toEqual([
      'no line in this range is of the service "nobody"; there are lines of: fetch, memory',
    ]);
    const filtered = await tools.call("search_logs", { service: "fetch", text: "x", range: RANGE });
    expect(filtered.data.notes).toEqual([
      "nothing was found; there are lines in this range, but none that fit the filters",
    ]);
    const unlabelled = await tools.call("search_logs", { container: "mcp-fetch", range: RANGE });
    expect(unlabelled.data.notes).toEqual([
      "nothing was found: no line in this range has the label container_name, by which a container is known; use `query` with the labels that there are, or a longer range",
    ]);
  });

  test("does not mix LogQL and filters", async () => {
    const { text, isError } = await tools.call("search_logs", { query: "{}", level: "error", text: "x" });
    expect([isError, text]).toEqual([
      true,
      "`query` stands alone; write `level`, `text` into it, or leave `query` out",
    ]);
    expect(backend.asked).toEqual([]);
  });

  test("refuses ranges, limits and arguments that make no sense before it asks anybody", async () => {
    expect((await tools.call("search_logs", { range: "tomorrow" })).text).toMatch(
      /^`range` "tomorrow" begins in the future/,
    );
    expect((await tools.call("search_logs", { limit: 1_001 })).isError).toBe(true);
    expect((await tools.call("search_logs", { servce: "fetch" })).text).toContain("servce");
    expect(backend.asked).toEqual([]);
  });
});

describe("check_alerts", () => {
  test("counts error lines by service, most first, even if Netdata is away", async () => {
    const { data, text } = await tools.call("check_alerts", { range: RANGE });
    expect(data.logErrors).toEqual([
      { service: "fetch", lines: 1 },
      { service: "memory", lines: 1 },
    ]);
    expect([data.complete, data.counts, data.alerts]).toEqual([false, undefined, []]);
    // "No alerts" would be a lie.
    expect(text).toMatch(/^Alerts could not be checked\.\nLines of level error from /);
    const asked = backend.asked.find(({ path }) => path === "/loki/api/v1/query");
    expect(asked?.params.query).toMatch(
      /^sum by \(mcp_type\) \(count_over_time\(\{mcp_type=~"\.\+"\} \| detected_level=~.+ \[600s\]\)\)$/,
    );
    expect(asked?.params.time).toBe("1795473340000000000");
  });
});
