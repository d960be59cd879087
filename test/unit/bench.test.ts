import { describe, expect, test } from "vitest";
import { EventReader, type StreamEvent } from "../../bench/bridge/events.ts";
import type { Tally } from "../../bench/bridge/load.ts";
import type { Sample } from "../../bench/bridge/measure.ts";
import { checkAnswer, describeAnswer, echoCall, responseId } from "../../bench/bridge/messages.ts";
import { parseBench } from "../../bench/bridge/options.ts";
import { scenarios } from "../../bench/bridge/scenarios.ts";
import { median, pairedRatio, quantile, ratioRange } from "../../bench/bridge/statistics.ts";
import { correctness, summarise } from "../../bench/bridge/summary.ts";
import { renderTable, shortNumber, targetTable } from "../../bench/bridge/table.ts";

describe("statistics", () => {
  test("median of odd and even numbers of values, in any order", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([])).toBeNaN();
  });

  test("quantile is the nearest rank", () => {
    expect(quantile([5, 1, 2, 4, 3], 0.99)).toBe(5);
    expect(quantile([5, 1, 2, 4, 3], 0.5)).toBe(3);
    expect(quantile([], 0.5)).toBeNaN();
  });

  test("ratios are taken within a repeat, and repeats without both do not count", () => {
    // The machine was ten times slower in the second repeat: the ratio does not see it.
    expect(pairedRatio([2, 20, 9], [1, 10, 3])).toBe(2);
    expect(pairedRatio([2, undefined, 9], [1, 10, undefined])).toBe(2);
    expect(pairedRatio([undefined], [1])).toBeNaN();
    expect(ratioRange([2, 20, 9], [1, 10, 3])).toEqual([2, 3]);
  });
});

describe("answers", () => {
  const call = echoCall("s1", 7, 1_024);
  const answer = (echoed: string, id = "7") =>
    Buffer.from(`{"jsonrpc":"2.0","id":${id},"result":{"content":[],"structuredContent":${echoed}}}`);
  const sent = call.payload.toString();

  test("a call is as large as asked for, and names its session and number", () => {
    expect(call.payload.length).toBe(1_024);
    expect(call.body.toString()).toBe(
      `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"echo","arguments":${sent}}}`,
    );
    expect(JSON.parse(sent)).toMatchObject({ session: "s1", seq: 7 });
  });

  test("the same bytes are right; so are other blanks and escapes", () => {
    expect(checkAnswer(answer(sent), call)).toBe("ok");
    expect(checkAnswer(answer(sent.replaceAll(",", ", ").replace("é", "\\u00e9")), call)).toBe("ok");
  });

  test("a rounded number, sorted keys or another text is altered", () => {
    const rounded = answer(sent.replace("12345678901234567890", "12345678901234567000"));
    expect(checkAnswer(rounded, call)).toBe("altered");
    expect(describeAnswer(rounded, call)).toBe("12345678901234567890 came back as 12345678901234567000");
    const { session, seq, z, text } = JSON.parse(sent) as Record<string, unknown>;
    const sorted = JSON.stringify({ a: 0, seq, session, text, z }).replace('"a":0', '"a":12345678901234567890');
    expect(checkAnswer(answer(sorted), call)).toBe("altered");
    expect(describeAnswer(answer(sorted), call)).toBe("keys came back as a, seq, session, text, z");
    expect(checkAnswer(answer(sent.replace("é", "?")), call)).toBe("altered");
  });

  test("another session's answer and an error are told apart", () => {
    const other = answer(echoCall("s2", 7, 1_024).payload.toString());
    expect(checkAnswer(other, call)).toBe("wrong session");
    expect(describeAnswer(other, call)).toBe("session s1 got for call 7 the answer to call 7 of session s2");
    expect(checkAnswer(Buffer.from('{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":"no"}}'), call)).toBe("error");
    expect(checkAnswer(Buffer.from("junk"), call)).toBe("error");
  });

  test("an id is found wherever it stands; requests and notifications have none that counts", () => {
    expect(responseId(answer(sent))).toBe(7);
    expect(responseId(Buffer.from('{"result":{"id":5},"jsonrpc":"2.0","id":8}'))).toBe(8);
    expect(responseId(Buffer.from('{"jsonrpc":"2.0","id":9,"method":"ping"}'))).toBeUndefined();
    expect(responseId(Buffer.from('{"jsonrpc":"2.0","method":"notifications/message"}'))).toBeUndefined();
  });
});

test("a stream is read the same however it is cut", () => {
  const stream = Buffer.from(
    ': hello\r\n\r\nevent: endpoint\ndata: /messages?x=1\n\nid: 1\ndata: {"é":1}\n\ndata: a\ndata:b\n\n',
  );
  for (let size = 1; size <= stream.length; size++) {
    const events: StreamEvent[] = [];
    const reader = new EventReader((event) => events.push(event));
    for (let at = 0; at < stream.length; at += size) reader.push(stream.subarray(at, at + size));
    expect(events.map(({ name, data }) => [name, data.toString()])).toEqual([
      ["endpoint", "/messages?x=1"],
      ["message", '{"é":1}'],
      ["message", "a\nb"],
    ]);
  }
});

describe("summary", () => {
  const [scenario] = scenarios(1);
  const tally: Tally = { ok: 10, lost: 0, "wrong session": 0, altered: 0, error: 0, duplicated: 0 };
  const sample = (subject: string, repeat: number, value: number | undefined, more: Partial<Sample> = {}): Sample => ({
    subject,
    scenario: "1k",
    repeat,
    value,
    tally,
    ...more,
  });

  test("a cell has the medians, the paired ratios and what went wrong", () => {
    if (scenario === undefined) throw new Error("there is a first scenario");
    const samples = [
      sample("floor", 0, 1, { hostCpuUs: 100, p10Ms: 1 }),
      sample("floor", 1, 10, { hostCpuUs: 100 }),
      sample("peer", 0, 2, { hostCpuUs: 150, childCpuUs: 7, p10Ms: 1.5 }),
      sample("peer", 1, 30, { hostCpuUs: 250, childCpuUs: 9, tally: { ...tally, lost: 1 } }),
    ];
    expect(summarise(samples, "peer", scenario, "floor", 2)).toEqual({
      subject: "peer",
      scenario: "1k",
      median: 16,
      ratio: 2.5,
      ratioRange: [2, 3],
      fastRatio: 1.5,
      hostCpuUs: 200,
      childCpuUs: 8,
      cpuRatio: 2,
      problem: undefined,
      faulty: true,
    });
  });

  test("correctness adds up over repeats and keeps one problem of each kind", () => {
    const altered = { altered: "12345678901234567890 came back as 1" };
    const samples = [
      sample("peer", 0, 1, { tally: { ...tally, altered: 3 }, problems: altered }),
      sample("peer", 1, 1, { tally: { ...tally, lost: 2 }, problems: { altered: "later", lost: "HTTP 500" } }),
      sample("other", 0, 1, { tally: { ...tally, lost: 9 } }),
    ];
    expect(correctness(samples, "peer")).toEqual({
      subject: "peer",
      tally: { ok: 20, lost: 2, "wrong session": 0, altered: 3, error: 0, duplicated: 0 },
      problems: ["altered: 12345678901234567890 came back as 1", "lost: HTTP 500"],
    });
  });
});

describe("tables", () => {
  test("columns are padded, numbers to the right", () => {
    expect(
      renderTable(
        ["", "1 KB"],
        [
          ["floor", "1.00"],
          ["ours", "12"],
        ],
      ),
    ).toBe(["|       | 1 KB |", "| ----- | ---: |", "| floor | 1.00 |", "| ours  |   12 |"].join("\n"));
  });

  test("numbers keep three digits", () => {
    expect([0.1234, 1.005, 12.34, 1234.5, undefined, Number.NaN].map(shortNumber)).toEqual([
      "0.12",
      "1.00",
      "12.3",
      "1,235",
      "–",
      "–",
    ]);
  });

  test("a target is met at its bound; what was not measured is left out", () => {
    const rows = targetTable([
      { what: "latency", value: 1.1, bound: 1.1 },
      { what: "rate", value: 0.949, bound: 0.95, least: true },
      { what: "never run", value: Number.NaN, bound: 1 },
    ]).split("\n");
    expect(rows.slice(2)).toEqual([
      "| latency | ≤ 1.10 |    1.100 |    met |",
      "| rate    | ≥ 0.95 |    0.949 | missed |",
    ]);
    expect(targetTable([])).toBe("");
  });
});

test("the command line names what is known, and says all that is wrong with it at once", () => {
  const known = { subjects: ["floor", "ours"], scenarios: ["1k", "1m"] };
  expect(parseBench(["--only", "ours, floor", "--repeats", "3", "--quick"], known)).toEqual({
    ok: true,
    options: { only: ["ours", "floor"], scenarios: [], repeats: 3, json: undefined, quick: true },
  });
  expect(parseBench(["--only", "theirs", "--scenarios", "2k", "--repeats", "0"], known)).toEqual({
    ok: false,
    problems: [
      '--only: "theirs" is unknown; known: floor, ours',
      '--scenarios: "2k" is unknown; known: 1k, 1m',
      "--repeats is 0; allowed: a whole number from 1 to 50",
    ],
  });
});
