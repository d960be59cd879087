import { describe, expect, test } from "vitest";
import { type Message, readMessage } from "../src/envelope.ts";
import { tracesUrl } from "../src/observe.ts";
import { shownId } from "../src/request-watch.ts";
import { formatTraceparent, parseTraceparent, traceOfBody, traceOfHeaders, withTrace } from "../src/trace-context.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const PARENT = `00-${TRACE}-${SPAN}-01`;

function message(text: string): Message {
  const read = readMessage(Buffer.from(text));
  if (!read.ok) throw new Error(read.message);
  return read.value;
}

describe("traceparent", () => {
  test("is read and written", () => {
    const parent = { traceId: TRACE, spanId: SPAN, flags: 1 };
    expect(parseTraceparent(PARENT)).toEqual(parent);
    expect(formatTraceparent(parent)).toBe(PARENT);
    expect(formatTraceparent({ ...parent, flags: 3 })).toBe(`00-${TRACE}-${SPAN}-03`);
  });

  test("of a version to come may say more, which is left out", () => {
    const carrier = traceOfHeaders({ traceparent: `cc-${TRACE}-${SPAN}-01-what-the-future-will-be-like` });
    expect(carrier).toEqual({ traceparent: PARENT });
  });

  test.each([
    ["nothing", ""],
    ["capitals", PARENT.toUpperCase()],
    ["no trace", `00-${"0".repeat(32)}-${SPAN}-01`],
    ["no span", `00-${TRACE}-${"0".repeat(16)}-01`],
    ["version ff", `ff-${TRACE}-${SPAN}-01`],
    ["more in version 00", `${PARENT}-more`],
    ["a dash more in version 00", `${PARENT}-`],
    ["a short trace", `00-${TRACE.slice(1)}-${SPAN}-01`],
    ["space", ` ${PARENT}`],
    ["a line break", `${PARENT}\n`],
    ["two of them", `${PARENT}, ${PARENT}`],
    ["no flags", `00-${TRACE}-${SPAN}`],
  ])("%s is ignored", (_, traceparent) => {
    expect(parseTraceparent(traceparent)).toBeUndefined();
    expect(traceOfHeaders({ traceparent, tracestate: "a=1" })).toBeUndefined();
  });
});

describe("headers", () => {
  test("without any of the three there is nothing to do", () => {
    expect(traceOfHeaders({ host: "localhost", tracestate: "a=1" })).toBeUndefined();
  });

  test.each([
    ["congo=t61rcWkgMzE,rojo=00f067aa0ba902b7", true],
    ["tenant@system=1, other/key=a:b ,", true],
    ["a=1,a=2", false],
    ["Key=1", false],
    ["a", false],
    ["a=", false],
    ["a=é", false],
    [Array.from({ length: 32 }, (_, i) => `k${i}=v`).join(), true],
    [Array.from({ length: 33 }, (_, i) => `k${i}=v`).join(), false],
  ])("tracestate, case %#", (tracestate, valid) => {
    const expected = valid ? { traceparent: PARENT, tracestate } : { traceparent: PARENT };
    expect(traceOfHeaders({ traceparent: PARENT, tracestate })).toEqual(expected);
  });

  test.each([
    ["userId=alice,serverNode=DF%2028,isProduction=false", true],
    ["key1 = value1;property1;property2 = x, key2=", true],
    ["key", false],
    ["k=a b", false],
    ['k="a"', false],
    ["k=é", false],
    [`k=${"v".repeat(8_190)}`, true],
    [`k=${"v".repeat(8_191)}`, false],
  ])("baggage with or without a trace, case %#", (baggage, valid) => {
    expect(traceOfHeaders({ baggage })).toEqual(valid ? { baggage } : undefined);
    const expected = valid ? { traceparent: PARENT, baggage } : { traceparent: PARENT };
    expect(traceOfHeaders({ traceparent: PARENT, baggage })).toEqual(expected);
  });
});

describe("in a request", () => {
  const carrier = { traceparent: PARENT, tracestate: "a=1", baggage: "k=v" };
  const added = `"traceparent":"${PARENT}","tracestate":"a=1","baggage":"k=v"`;
  const from = (params: string) => `{"jsonrpc":"2.0","id":12345678901234567890,"method":"m"${params}}`;

  test.each([
    [
      "no params",
      '{ "jsonrpc":"2.0","id":1,"method":"m" }',
      `{"params":{"_meta":{${added}}}, "jsonrpc":"2.0","id":1,"method":"m" }`,
    ],
    ["empty params", from(',"params":{ }'), from(`,"params":{"_meta":{${added}} }`)],
    ["no _meta", from(',"params":{"n":1.0}'), from(`,"params":{"_meta":{${added}},"n":1.0}`)],
    ["an empty _meta", from(',"params":{"_meta":{}}'), from(`,"params":{"_meta":{${added}}}`)],
    ["another _meta", from(',"params":{"_meta":{"x":1},"a":2}'), from(`,"params":{"_meta":{${added},"x":1},"a":2}`)],
  ])("%s: only these bytes are put in", (_, before, after) => {
    expect(withTrace(Buffer.from(before), carrier).toString()).toBe(after);
    expect(withTrace(Buffer.from(before), carrier, true).toString()).toBe(after);
    expect(JSON.parse(after)).toBeTypeOf("object");
  });

  test("what the request says itself stays, and a parent never gets another's state", () => {
    const own = from(',"params":{"_meta":{"traceparent":"own","baggage":"own"}}');
    expect(withTrace(Buffer.from(own), carrier).toString()).toBe(own);
    const state = from(',"params":{"_meta":{"tracestate":"own"}}');
    expect(withTrace(Buffer.from(state), carrier).toString()).toBe(
      from(',"params":{"_meta":{"baggage":"k=v","tracestate":"own"}}'),
    );
  });

  test("the bridge's own span takes the place of both, and leaves baggage", () => {
    const own = from(',"params":{"_meta":{"traceparent":"own", "x":[1] ,"tracestate":"own","baggage":"own"}}');
    expect(withTrace(Buffer.from(own), { traceparent: PARENT, baggage: "k=v" }, true).toString()).toBe(
      from(`,"params":{"_meta":{"traceparent":"${PARENT}","x":[1],"baggage":"own"}}`),
    );
  });

  test("a _meta that is no object is the server's to refuse", () => {
    const odd = from(',"params":{"_meta":7}');
    expect(withTrace(Buffer.from(odd), carrier, true).toString()).toBe(odd);
    expect(traceOfBody(message(odd))).toBeUndefined();
  });

  test("its own context is read only if it is valid", () => {
    const meta = (text: string) => message(from(`,"params":{"_meta":${text}}`));
    expect(traceOfBody(meta(`{"traceparent":"${PARENT}","tracestate":"a=1"}`))).toEqual({
      traceparent: PARENT,
      tracestate: "a=1",
    });
    expect(traceOfBody(meta(`{"traceparent":"${PARENT}","tracestate":"A"}`))).toEqual({ traceparent: PARENT });
    expect(traceOfBody(meta('{"traceparent":"x"}'))).toBeUndefined();
    expect(traceOfBody(meta('{"traceparent":7}'))).toBeUndefined();
    expect(traceOfBody(message(from("")))).toBeUndefined();
  });
});

test("a client's id is shown without quotes and cut", () => {
  expect(["7", '"seven"', '"\\u0061\\n"', `"${"x".repeat(70)}"`].map(shownId)).toEqual([
    "7",
    "seven",
    "a\n",
    `${"x".repeat(64)}…`,
  ]);
});

test("the endpoint is a base, the one for traces the whole URL", () => {
  const both = { otlpEndpoint: "http://c:4318/", otlpTracesEndpoint: undefined };
  expect(tracesUrl(both)).toBe("http://c:4318/v1/traces");
  expect(tracesUrl({ ...both, otlpEndpoint: "http://c/base" })).toBe("http://c/base/v1/traces");
  expect(tracesUrl({ ...both, otlpTracesEndpoint: "http://t/x" })).toBe("http://t/x");
  expect(tracesUrl({ otlpEndpoint: undefined, otlpTracesEndpoint: undefined })).toBeUndefined();
});
