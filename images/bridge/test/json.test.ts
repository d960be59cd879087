import { describe, expect, test } from "vitest";
import { errorMessage, idKey, readMessage, readPayload } from "../src/envelope.ts";
import { findPath, findString, skipValue } from "../src/json-spans.ts";
import { LineSplitter } from "../src/lines.ts";
import {
  calledTool,
  filterTools,
  removeMember,
  requestedProgress,
  stripCapabilities,
  toolNames,
} from "../src/rewrite.ts";

const bytes = (text: string): Buffer => Buffer.from(text);

/** Every JSON value that a naive scanner trips over. */
const VALUES = [
  "0",
  "-1.5e+300",
  "12345678901234567890",
  "true",
  "null",
  '""',
  '"\\""',
  '"\\\\"',
  '"\\\\\\""',
  '"]}{["',
  `"${"x".repeat(63)}\\"${"y".repeat(200)}"`,
  `"${"\\\\".repeat(100)}"`,
  '"日本 🎉"',
  "[]",
  "{}",
  '[1,[2,{"a":"]"}],"}"]',
  '{"a":{"b":[{"c":"\\"}"}]},"d":1}',
  ' {\n"a" : [ 1 , 2 ] }'.trim(),
];

describe("scanner", () => {
  test.each(VALUES)("finds the end of %s", (value) => {
    const text = bytes(`${value},"next"`);
    expect(skipValue(text, 0)).toBe(Buffer.byteLength(value));
  });

  test.each(VALUES)("a document with %s cut anywhere is never taken for complete", (value) => {
    const whole = bytes(`{"jsonrpc":"2.0","id":1,"result":${value}}`);
    expect(readMessage(whole)).toMatchObject({ ok: true, value: { kind: "response", id: "1" } });
    for (let end = 0; end < whole.length; end++) expect(readMessage(whole.subarray(0, end)).ok).toBe(false);
  });

  test("reads what JSON.parse reads, on a thousand generated documents", () => {
    let seed = 42;
    const random = (n: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed % n;
    };
    const make = (depth: number): unknown => {
      const kind = random(depth > 3 ? 4 : 6);
      if (kind === 0) return random(1_000_000) / 7;
      if (kind === 1) return `"\\${String.fromCharCode(random(0x3000))}{}[],:`.repeat(random(20));
      if (kind === 2) return random(2) === 0;
      if (kind === 3) return null;
      const size = random(5);
      if (kind === 4) return Array.from({ length: size }, () => make(depth + 1));
      return Object.fromEntries(Array.from({ length: size }, (_, i) => [`k${i}\\"${random(9)}`, make(depth + 1)]));
    };
    for (let i = 0; i < 1_000; i++) {
      const result = { target: make(0), other: make(0) };
      const text = bytes(JSON.stringify({ result, jsonrpc: "2.0", id: i }, null, i % 3));
      const message = readMessage(text);
      if (!message.ok) throw new Error(`${message.message}: ${text}`);
      const span = findPath(text, message.value.result?.start ?? 0, ["target"]);
      expect(JSON.parse(text.toString("utf8", span?.start, span?.end))).toEqual(result.target);
    }
  });
});

describe("envelope", () => {
  test("kinds", () => {
    const kind = (text: string) => {
      const read = readMessage(bytes(text));
      return read.ok ? read.value.kind : read.message;
    };
    expect(kind('{"jsonrpc":"2.0","id":1,"method":"a"}')).toBe("request");
    expect(kind('{"jsonrpc":"2.0","method":"a","params":{}}')).toBe("notification");
    expect(kind('{"id":"x","error":{},"jsonrpc":"2.0"}')).toBe("response");
    expect(kind('{"id":null,"error":{},"jsonrpc":"2.0"}')).toBe("response");
    expect(kind('{"jsonrpc":"2.0","id":1,"result":1,"error":1}')).toBe(
      'a message needs "method", or "id" with either "result" or "error"',
    );
    expect(kind('{"jsonrpc":"2.0","\\u006dethod":"m","\\u0069d":1}')).toBe("request");
    expect(kind('{"level":"info","msg":"a log line"}')).toBe('"jsonrpc" must be "2.0"');
  });

  test("the method and the id's own bytes", () => {
    const read = readMessage(bytes('{"id" : 12345678901234567890 ,"jsonrpc":"2.0","method":"\\u0061/b"}'));
    expect(read.ok && [read.value.id, read.value.method]).toEqual(["12345678901234567890", "a/b"]);
  });

  test("keys: equal for equal ids, different for different ones", () => {
    expect(idKey('"a"')).toBe(idKey('"\\u0061"'));
    expect(idKey("1")).toBe(idKey("1.0"));
    expect(idKey("1")).not.toBe(idKey('"1"'));
    expect(idKey("12345678901234567890")).not.toBe(idKey("12345678901234567891"));
  });

  test("batches are cut into the very bytes of their elements", () => {
    const payload = readPayload(bytes('[ {"jsonrpc":"2.0","id":1,"method":"a"} ,{"jsonrpc":"2.0","method":"b"}]'));
    expect(payload.ok && payload.messages.map((message) => message.bytes.toString())).toEqual([
      '{"jsonrpc":"2.0","id":1,"method":"a"}',
      '{"jsonrpc":"2.0","method":"b"}',
    ]);
    for (const text of ["[]", "[1]", '[{"jsonrpc":"2.0","id":1,"method":"a"}', "[{}]"]) {
      expect([text, readPayload(bytes(text)).ok]).toEqual([text, false]);
    }
  });

  test("an error carries the id as it was written", () => {
    expect(errorMessage("12345678901234567890", -1, "no").toString()).toBe(
      '{"jsonrpc":"2.0","id":12345678901234567890,"error":{"code":-1,"message":"no"}}',
    );
    expect(errorMessage(null, -1, "no", { a: 1 }).toString()).toBe(
      '{"jsonrpc":"2.0","id":null,"error":{"code":-1,"message":"no","data":{"a":1}}}',
    );
  });
});

describe("changes", () => {
  test("a member is cut out, wherever it stands, and nothing else moves", () => {
    for (const [before, after] of [
      ['{"roots":{},"a":1.0}', '{"a":1.0}'],
      ['{"a":1.0, "roots":{"x":[1]}}', '{"a":1.0}'],
      ['{"a":1,"roots":{},"b":2,"\\u0072oots":{}}', '{"a":1,"b":2}'],
      ['{"roots":{}}', "{}"],
      ['{ "a":1 }', '{ "a":1 }'],
    ] as const) {
      expect(removeMember(bytes(before), 0, "roots").toString()).toBe(after);
    }
  });

  test("capabilities are stripped from initialize, at their place only", () => {
    const text = '{"roots":1,"params":{"capabilities":{"sampling":{},"roots":{"listChanged":true}},"roots":2}}';
    expect(stripCapabilities(bytes(text), ["roots", "elicitation"]).toString()).toBe(
      '{"roots":1,"params":{"capabilities":{"sampling":{}},"roots":2}}',
    );
  });

  test("tools are listed and filtered by name", () => {
    const text = bytes('{"result":{"tools":[{"name":"a","x":1.0},{"x":{"name":"b"},"name":"c"}],"nextCursor":"n"}}');
    const result = findPath(text, 0, ["result"]) ?? { start: 0, end: 0 };
    expect(toolNames(text, result)).toEqual(["a", "c"]);
    expect(filterTools(text, result, (tool) => tool === "a").toString()).toBe(
      '{"result":{"tools":[{"name":"a","x":1.0}],"nextCursor":"n"}}',
    );
  });

  test("the called tool and the progress token", () => {
    const read = readMessage(
      bytes(
        '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"progressToken":1.0},"name":"t\\u0021"}}',
      ),
    );
    if (!read.ok) throw new Error(read.message);
    expect([calledTool(read.value), requestedProgress(read.value)]).toEqual(["t!", "1.0"]);
    expect(findString(read.value.bytes, 0, ["params", "_meta", "no"])).toBeUndefined();
  });
});

describe("lines", () => {
  const text = bytes('{"a":"é🎉"}\r\n\n{"b":1}\nrest');

  test("cut at every byte they are the same", () => {
    for (let at = 0; at <= text.length; at++) {
      const lines: string[] = [];
      const splitter = new LineSplitter(1_000);
      for (const part of [text.subarray(0, at), text.subarray(at)])
        splitter.push(part, (line) => lines.push(line.toString()));
      expect(lines).toEqual(['{"a":"é🎉"}', "", '{"b":1}']);
    }
  });

  test("long lines are put together whole, whatever the chunks; chunks that were copied give back their memory", () => {
    for (const size of [300_000, 2 ** 21, 2 ** 21 + 1, 9_000_000]) {
      const long = Buffer.alloc(size, "0123456789");
      const stream = Buffer.concat([bytes('{"a":1}\n{"b":'), long, bytes('\r\n\n{"c":2}\n'), long, bytes("\n")]);
      const lines: Buffer[] = [];
      const chunks: Buffer[] = [];
      const splitter = new LineSplitter(16 * 2 ** 20);
      for (let at = 0; at < stream.length; at += 65_536) {
        const chunk = Buffer.from(new Uint8Array(stream.subarray(at, at + 65_536)).buffer);
        splitter.push(chunk, (line) => lines.push(line));
        chunks.push(chunk);
      }
      expect(lines.map((line) => line.length)).toEqual([7, 5 + size, 0, 7, size]);
      expect(lines[1]?.equals(Buffer.concat([bytes('{"b":'), long]))).toBe(true);
      expect(lines[4]?.equals(long)).toBe(true);
      expect(lines[0]?.toString()).toBe('{"a":1}');
      const inside = (at: number, from: number): boolean => at >= from && at + 65_536 <= from + size;
      const copied = chunks.map((_chunk, i) => inside(i * 65_536, 13) || inside(i * 65_536, 13 + size + 11));
      expect(chunks.map(({ length }) => length === 0)).toEqual(copied);
    }
  });

  test("a line over the limit throws, one at the limit does not", () => {
    const splitter = new LineSplitter(4);
    const lines: string[] = [];
    splitter.push(bytes("12"), () => {});
    splitter.push(bytes("34\n"), (line) => lines.push(line.toString()));
    expect(lines).toEqual(["1234"]);
    splitter.push(bytes("123"), () => {});
    expect(() => splitter.push(bytes("45"), () => {})).toThrow(RangeError);
  });
});
