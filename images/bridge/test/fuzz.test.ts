import { Agent } from "node:http";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type RunningBridge, startBridge, until } from "./fixtures/bridge.ts";
import { fuzz, mutate, pick } from "./fixtures/fuzz.ts";
import { initializeMessage, openSession } from "./fixtures/http-client.ts";
import { exchange, LoadSession, LoadSessionless, LoadSse, startLoadBridge } from "./fixtures/load-client.ts";
import { requestOf, textOf } from "./fixtures/sessionless-client.ts";

vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 });

/** With those of fuzz-http.test.ts more than ten thousand. */
const CASES = { session: 4_000, sse: 1_000, sessionless: 2_500, server: 1_500 };

const agent = new Agent({ keepAlive: true, maxSockets: 32 });
let bridge: RunningBridge;
beforeAll(async () => {
  bridge = await startBridge({ args: ["--request-timeout", "5s"] });
});
afterAll(async () => {
  agent.destroy();
  await bridge.stop();
});

async function unharmed(harmed: RunningBridge): Promise<void> {
  const session = await openSession(harmed.url);
  expect(await session.call("echo", { text: "still here" })).toBe("still here");
  await session.delete();
  expect(await harmed.metric('mcp_failures_total{cause="internal_error"}')).toBe(0);
  expect(harmed.log.filter(({ event }) => event === "internal_error" || event === "fatal")).toEqual([]);
}

const SEEDS = [
  '{"jsonrpc":"2.0","id":1,"method":"ping"}',
  '{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"echo","arguments":{"text":"é🎉\\u0000"},"_meta":{"progressToken":1}}}',
  '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}',
  '{"jsonrpc":"2.0","id":7,"result":{"a":[1,2,{"b":null}]}}',
  '{"jsonrpc":"2.0","id":8,"error":{"code":-1,"message":"no"}}',
  '[{"jsonrpc":"2.0","id":2,"method":"ping"},{"jsonrpc":"2.0","method":"x"}]',
  '{"jsonrpc":"2.0","id":3,"method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}',
  JSON.stringify(initializeMessage("2025-11-25")),
];

/** A body is refused or taken, and never more than that. */
const checked = (status: number, allowed: readonly number[], body: string, answer: Buffer): number => {
  if (!allowed.includes(status)) throw new Error(`${status} ${answer} for ${JSON.stringify(body)}`);
  return status;
};

test(`${CASES.session} mutated messages of the session era: each is answered, none with 500`, async () => {
  let session = await LoadSession.open(bridge.port, agent, "2025-03-26");
  const statuses = await fuzz({ seed: 20_261_123, cases: CASES.session }, async (random) => {
    const body = mutate(pick(SEEDS, random), random);
    const { status, body: answer } = await session.post(body);
    // Rarely the server itself falls over what it was sent, which ends its session.
    if (status === 404) session = await LoadSession.open(bridge.port, agent, "2025-03-26");
    return checked(status, [200, 202, 400, 404], body, answer);
  });
  // The mutations are of use only if they produce all kinds.
  expect([...statuses.keys()]).toEqual(expect.arrayContaining([200, 202, 400]));
  expect(statuses.get(404) ?? 0).toBeLessThan(CASES.session / 20);
  await session.delete();
  await unharmed(bridge);
});

test(`${CASES.sse} mutated messages on /messages: each is answered, none with 500`, async () => {
  const session = await LoadSse.open(bridge.port, agent);
  const statuses = await fuzz({ seed: 20_241_105, cases: CASES.sse }, async (random) => {
    const body = mutate(pick(SEEDS, random), random);
    const { status, body: answer } = await session.post([body]);
    return checked(status, [202, 400], body, answer);
  });
  expect([...statuses.keys()].sort()).toEqual([202, 400]);
  session.close();
  await unharmed(bridge);
});

test(`${CASES.sessionless} mutated requests of 2026-07-28: each is answered, none with 500, no server stays behind`, async () => {
  const capabilities = { elicitation: {} };
  const ask = { name: "ask", arguments: { method: "elicitation/create", params: { message: "é🎉" } } };
  const requests = [
    requestOf("server/discover"),
    requestOf("tools/list"),
    requestOf("tools/call", { name: "echo", arguments: { text: "x" } }, { meta: { progressToken: 1 } }),
    requestOf(
      "tools/call",
      { ...ask, inputResponses: { "elicitation-1": {} }, requestState: "a.b.c" },
      { capabilities },
    ),
    requestOf("tools/call", ask, { capabilities }),
    requestOf("resources/read", { uri: "file:///nothing" }),
  ];
  const own = await startBridge({ args: ["--request-timeout", "5s", "--idle-timeout", "500ms"] });
  try {
    const statuses = await fuzz({ seed: 20_260_728, cases: CASES.sessionless, atOnce: 8 }, async (random) => {
      const { message, headers } = pick(requests, random);
      const text = JSON.stringify(message);
      const body = random(10) === 0 ? text : mutate(text, random);
      const reply = await exchange(own.port, { headers, chunks: [body], agent });
      return checked(reply.status, [200, 202, 400, 404, 503], body, reply.body);
    });
    expect([...statuses.keys()]).toEqual(expect.arrayContaining([200, 400]));
    expect(await textOf(own.url, "echo", { text: "still here" })).toBe("still here");
    await unharmed(own);
    await until("the spare alone is left", () => own.descendants() === 1);
  } finally {
    await own.stop();
  }
});

/** What a server may write, with its caller's own id for `$ID`. */
const SAID = [
  '{"jsonrpc":"2.0","id":$ID,"result":{"content":[{"type":"text","text":"é🎉"}],"_meta":{"a":1},"isError":true}}',
  '{"jsonrpc":"2.0","id":$ID,"error":{"code":-32002,"message":"no","data":{"uri":"x"}}}',
  '{"jsonrpc":"2.0","id":"s1","method":"sampling/createMessage","params":{"messages":[]}}',
  '{"jsonrpc":"2.0","id":"s1","method":"ping"}',
  '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":$ID,"progress":1}}',
  '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"é"}}',
  '{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{"uri":"a://b"}}',
  '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"s1"}}',
  '[{"jsonrpc":"2.0","method":"notifications/tools/list_changed"},{"jsonrpc":"2.0","id":5,"result":{}}]',
];

test.each([
  ["2025-11-25", (port: number) => LoadSession.open(port, agent)],
  ["2026-07-28", async (port: number) => new LoadSessionless(port, agent)],
])(
  `${CASES.server} mutated lines of the server, %s: the call behind each is answered all the same`,
  async (_era, connect) => {
    const own = await startLoadBridge({ args: ["--request-timeout", "10s"] });
    try {
      const caller = await connect(own.port);
      const kinds = await fuzz({ seed: 4_711, cases: CASES.server }, async (random, number) => {
        const line = mutate(pick(SAID, random), random);
        const data = await caller.call("say", { line, text: `case ${number}` }, 1_000 + number);
        const last = data.at(-1) ?? "";
        if (last.includes(`"case ${number}"`)) return "answered";
        // The line itself answered the call; as it is nobody else's, that is what its caller gets.
        if (!/"(?:result|error)"/.test(last)) throw new Error(`${JSON.stringify(data)} for ${JSON.stringify(line)}`);
        return "answered by the line";
      });
      expect(kinds.get("answered")).toBeGreaterThan(CASES.server / 2);
      expect(await own.metric('mcp_failures_total{cause="child_junk"}')).toBeGreaterThan(0);
      await unharmed(own);
    } finally {
      await own.stop();
    }
  },
);
