import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import wabt from "wabt";
import { isJson } from "../src/json-check.ts";
import { SpecialBytes } from "../src/json-scan.ts";

function parses(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Small and repeatable (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const long = "a".repeat(200);
const TEXTS = [
  "", " ", "{}", "[]", "[ ]", "{ }", " [1 , 2] ", "[1,]", "[,1]", "{,}", '{"a"}', '{"a":}', '{"a":1,}', '{"a":1 "b":2}',
  "true", "tru", "truee", "nul", "null", "-", "-0", "01", "0.5", "0.", ".5", "1e5", "1E+5", "1e", "1e+", "-1.5e-10", "+1",
  "12345678901234567890", "1e400", "NaN", "Infinity", "'a'", '"a', '"', '"\\', '"\\"', '"\\u12"', '"\\u12ab"', '"\\u12Ag"',
  '"\\x"', '"\\n\\t\\b\\f\\r\\/\\\\"', '"\n"', '"\t"', `"${long}`, `"${long}"`, `"${long}\n"`, `"${long}\\n"`, `"${long}\\q"`,
  `"${long}\\u00e9${long}"`, `"${long}\u0000${long}"`, `{"${long}":"${long}"}`, `{"${long}" "x"}`, "[[[[]]]]", "[[[[]]]",
  "[[]]]", '{"a":[{"b":[]},{}]}', '[{"a":1}}', '{"a":1]', "1 2", "[1] x", "\ufeff1", "[\u00a01]", '"\u007f\u0080\u2028"', '{"":""}',
]; // biome-ignore format: a table of texts

describe("isJson", () => {
  test.each(TEXTS.map((text) => [text.length > 60 ? `${text.slice(0, 20)}…${text.length}` : text, text]))(
    "says of %j what JSON.parse says",
    (_name, text) => expect(isJson(Buffer.from(text))).toBe(parses(text)),
  );

  test("says of 20,000 damaged texts what JSON.parse says", () => {
    const next = random(7);
    const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(next() * items.length)] as Item;
    const whole = JSON.stringify({
      a: [1, -2.5e10, true, false, null, 'x"\\\u0001\u00e9', { "k y": [[], {}] }],
      long: `${long}\n${long}"${long}`,
      n: 0,
    });
    const bits = [...'{}[]",:\\ \n\u0001u0123e+-.tfn', "é", "\\u00", "true", "{}"];
    const wrong: string[] = [];
    for (let i = 0; i < 20_000; i++) {
      let text = whole;
      for (let cuts = 1 + Math.floor(next() * 3); cuts > 0; cuts--) {
        const at = Math.floor(next() * text.length);
        text = text.slice(0, at) + (next() < 0.6 ? pick(bits) : "") + text.slice(at + Math.floor(next() * 3));
      }
      if (isJson(Buffer.from(text)) !== parses(text)) wrong.push(text);
    }
    expect(wrong).toEqual([]);
  });

  test("reads texts longer than what is scanned at once, wherever the blocks end", () => {
    for (const length of [65_535, 65_536, 65_537, 131_072, 200_000]) {
      const body = "ä".repeat(length);
      expect(isJson(Buffer.from(JSON.stringify([body, body])))).toBe(true);
      expect(isJson(Buffer.from(`["${body}\u0007"]`))).toBe(false);
      expect(isJson(Buffer.from(`["${body}\\"]`))).toBe(false);
    }
  });

  test("goes as deep as the text does", () => {
    expect(isJson(Buffer.from("[".repeat(1_000_000) + "]".repeat(1_000_000)))).toBe(true);
    expect(isJson(Buffer.from("[".repeat(1_000_000)))).toBe(false);
  });
});

describe("the compiled scan", () => {
  test("finds each special byte at every offset, and nothing past the end", () => {
    for (const special of [0x22, 0x5c, 0x00, 0x1f]) {
      for (let at = 0; at < 70; at++) {
        const bytes = Buffer.alloc(70, 0xe4);
        bytes[at] = special;
        const scan = new SpecialBytes(bytes);
        expect([scan.next(0), scan.next(at), scan.next(at + 1)]).toEqual([at, at, 70]);
      }
    }
    expect(new SpecialBytes(Buffer.alloc(5, 0x20)).next(0)).toBe(5);
  });

  test("is json-scan.wat", async () => {
    const source = readFileSync(new URL("../src/json-scan.wat", import.meta.url), "utf8");
    const { buffer } = (await wabt()).parseWat("json-scan.wat", source, { simd: true }).toBinary({});
    const embedded = readFileSync(new URL("../src/json-scan.ts", import.meta.url), "utf8");
    const code = [...embedded.matchAll(/^ {2}"([A-Za-z0-9+/=]+)"/gm)].map(([, part]) => part).join("");
    expect(code).toBe(Buffer.from(buffer).toString("base64"));
  });
});
