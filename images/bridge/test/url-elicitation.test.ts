import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readMessage } from "../src/envelope.ts";
import { urlElicitations } from "../src/url-elicitation.ts";
import { type RunningBridge, startBridge, until, warm } from "./fixtures/bridge.ts";
import { openSession } from "./fixtures/http-client.ts";
import { call, request } from "./fixtures/sessionless-client.ts";

/** URLElicitationRequiredError of a server of 2025-11-25, for clients of 2026-07-28, which has no such error. */

let bridge: RunningBridge;
beforeAll(async () => {
  bridge = await startBridge();
  await warm(bridge);
});
afterAll(() => bridge.stop());

const capabilities = { elicitation: { url: {} } };
const visit = (n: number) => ({
  mode: "url",
  elicitationId: `e${n}`,
  url: `https://example.com/${n}`,
  message: "visit",
});
const asked = (n: number) => ({ method: "elicitation/create", params: visit(n) });
const argsOf = (times: number, ...elicitations: object[]) => ({ times, elicitations, note: "n" });
// biome-ignore lint/suspicious/noExplicitAny: a message's shape is what tests are about
const retryOf = (message: any, inputResponses: object) => ({
  inputResponses,
  requestState: message.result.requestState,
});
const ACCEPT = { action: "accept" };

describe("with elicitation by URL declared", () => {
  test("the client is asked to visit them all, and the call is made again, at the same process", async () => {
    const args = argsOf(2, visit(1), visit(2));
    const first = await call(bridge.url, "visit", args, { capabilities });
    expect(first.result).toMatchObject({
      resultType: "input_required",
      inputRequests: { "elicitation-1": asked(1), "elicitation-2": asked(2) },
    });
    const both = { "elicitation-1": ACCEPT, "elicitation-2": ACCEPT };
    const second = await call(bridge.url, "visit", args, { capabilities, retry: retryOf(first, both) });
    // It is not done there: it may ask again, as often as it likes.
    expect(Object.keys(second.result.inputRequests)).toEqual(["elicitation-3", "elicitation-4"]);
    const again = { "elicitation-3": ACCEPT, "elicitation-4": ACCEPT };
    const third = await call(bridge.url, "visit", args, { id: "t", capabilities, retry: retryOf(second, again) });
    expect([third.id, third.result.resultType]).toEqual(["t", "complete"]);
    expect(third.result.content[0].text).toMatch(/^visited, process \d+, 3 calls, n$/);
  });

  test("what is missing is asked for again, without a call", async () => {
    const args = argsOf(1, visit(1), visit(2));
    const own = { elicitation: { url: {}, form: {} } };
    const first = await call(bridge.url, "visit", args, { capabilities: own });
    const some = retryOf(first, { "elicitation-2": ACCEPT });
    const second = await call(bridge.url, "visit", args, { capabilities: own, retry: some });
    expect(second.result.inputRequests).toEqual({ "elicitation-1": asked(1) });
    const rest = retryOf(second, { "elicitation-1": ACCEPT });
    const third = await call(bridge.url, "visit", args, { capabilities: own, retry: rest });
    expect(third.result.content[0].text).toContain("2 calls");
  });

  test.each(["decline", "cancel"])("who answers %s gets the error", async (action) => {
    const own = { elicitation: { url: {} }, [action === "decline" ? "roots" : "sampling"]: {} };
    const args = argsOf(9, visit(1), visit(2));
    const first = await call(bridge.url, "visit", args, { capabilities: own });
    const retry = retryOf(first, { "elicitation-1": { action } });
    const second = await call(bridge.url, "visit", args, { capabilities: own, retry });
    expect(second.error).toEqual({
      code: -32603,
      message: "visit first",
      data: { elicitations: [visit(1), visit(2)] },
    });
  });

  test("the state belongs to the call, as always", async () => {
    const args = argsOf(9, visit(1));
    const first = await call(bridge.url, "visit", args, { capabilities });
    const retry = retryOf(first, { "elicitation-1": ACCEPT });
    const other = await call(bridge.url, "visit", { ...args, note: "other" }, { capabilities, retry });
    expect(other.error.code).toBe(-32602);
  });

  test("a client that does not come back leaves nothing behind", async () => {
    const own = await startBridge({ args: ["--idle-timeout", "1s"] });
    try {
      expect((await call(own.url, "visit", argsOf(9, visit(1)), { capabilities })).result.resultType).toBe(
        "input_required",
      );
      await until("the spare alone is left", () => own.descendants() === 1);
    } finally {
      await own.stop();
    }
  });
});

describe("else", () => {
  test.each([{}, { elicitation: {} }])("it is not declared (%j): -32021 says what is missing", async (declared) => {
    const params = { name: "visit", arguments: argsOf(9, visit(1)) };
    const reply = await request(bridge.url, "tools/call", params, { capabilities: declared });
    expect([reply.status, reply.messages[0].error.code]).toEqual([400, -32021]);
    expect(reply.messages[0].error.data).toEqual({ requiredCapabilities: { elicitation: { url: {} } } });
  });

  test("the capability is stripped: the error and its data, for no client could help it", async () => {
    const own = await startBridge({ args: ["--strip-client-capability", "elicitation"] });
    try {
      const answer = await call(own.url, "visit", argsOf(9, visit(1)), { capabilities });
      expect(answer.error).toEqual({ code: -32603, message: "visit first", data: { elicitations: [visit(1)] } });
    } finally {
      await own.stop();
    }
  });

  test("clients of 2025-11-25 get the error as it is", async () => {
    const session = await openSession(bridge.url, "2025-11-25", { capabilities });
    const params = { name: "visit", arguments: argsOf(9, visit(1)) };
    const { error } = (await session.request("tools/call", params)).messages.at(-1);
    expect(error).toEqual({ code: -32042, message: "visit first", data: { elicitations: [visit(1)] } });
    await session.delete();
  });
});

test.each([
  ["another error", { code: -32000, message: "m", data: { elicitations: [visit(1)] } }, []],
  ["no list", { code: -32042, message: "m" }, []],
  [
    "a list of something else",
    { code: -32042, message: "m", data: { elicitations: [5, { mode: "form", url: "u" }] } },
    [],
  ],
  [
    "URLs",
    { code: -32042, message: "m", data: { elicitations: [visit(1), visit(2)] } },
    ["elicitation-4", "elicitation-5"],
  ],
])("%s in an error", (_name, error, keys) => {
  const read = readMessage(Buffer.from(JSON.stringify({ jsonrpc: "2.0", id: 1, error })));
  if (!read.ok) throw new Error(read.message);
  expect(urlElicitations(read.value, 3).map(({ key }) => key)).toEqual(keys);
});
