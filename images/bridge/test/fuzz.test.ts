import { connect } from "node:net";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type RunningBridge, startBridge, until } from "./fixtures/bridge.ts";
import { openSession, STREAMABLE, send } from "./fixtures/http-client.ts";
import { requestOf, textOf } from "./fixtures/sessionless-client.ts";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const CASES = 1_000;

let bridge: RunningBridge;
beforeAll(async () => {
  bridge = await startBridge({ args: ["--request-timeout", "5s"] });
});
afterAll(() => bridge.stop());

/** The same sequence in every run: a failing case can be repeated. */
function generator(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const SEEDS = [
  '{"jsonrpc":"2.0","id":1,"method":"ping"}',
  '{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"echo","arguments":{"text":"é🎉\\u0000"},"_meta":{"progressToken":1}}}',
  '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}',
  '{"jsonrpc":"2.0","id":7,"result":{"a":[1,2,{"b":null}]}}',
  '[{"jsonrpc":"2.0","id":2,"method":"ping"},{"jsonrpc":"2.0","method":"x"}]',
  '{"jsonrpc":"2.0","id":3,"method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}',
];
const SPLICES = [
  '"',
  "\\",
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  "\n",
  "\r\n",
  "\0",
  "é",
  "1e999",
  "-",
  "null",
  '"id":',
  "\u2028",
];

function mutate(text: string, random: (below: number) => number): string {
  let out = text;
  for (let i = random(4); i >= 0; i--) {
    const at = random(out.length + 1);
    const kind = random(4);
    if (kind === 0) out = out.slice(0, at) + (SPLICES[random(SPLICES.length)] ?? "") + out.slice(at);
    else if (kind === 1) out = out.slice(0, at) + out.slice(at + 1 + random(8));
    else if (kind === 2) out = out.slice(0, at) + out.slice(random(out.length + 1));
    else out = out.slice(0, at) + String.fromCharCode(random(256)) + out.slice(at + 1);
  }
  return out;
}

test(`${CASES} mutated messages: each is answered, none with 500, and the bridge still serves`, async () => {
  const random = generator(20_261_123);
  const session = await openSession(bridge.url, "2025-03-26");
  const statuses = new Map<number, number>();
  for (let i = 0; i < CASES; i++) {
    const body = mutate(SEEDS[random(SEEDS.length)] ?? "", random);
    const reply = await session.post(body);
    statuses.set(reply.status, (statuses.get(reply.status) ?? 0) + 1);
    if (![200, 202, 400].includes(reply.status))
      throw new Error(`case ${i}: ${reply.status} ${reply.text} for ${body}`);
  }
  // The mutations are of use only if they produce all kinds.
  expect([...statuses.keys()].sort()).toEqual([200, 202, 400]);
  expect(await session.call("echo", { text: "still here" })).toBe("still here");
  expect(await bridge.metric('mcp_failures_total{cause="internal_error"}')).toBe(0);
  await session.delete();
});

test(`${CASES / 2} mutated requests of 2026-07-28: each is answered, none with 500, and no server stays behind`, async () => {
  const random = generator(20_260_728);
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
  ];
  const own = await startBridge({ args: ["--request-timeout", "5s", "--idle-timeout", "500ms"] });
  try {
    const statuses = new Set<number>();
    for (let i = 0; i < CASES / 2; i++) {
      const { message, headers } = requests[random(requests.length)] ?? requestOf("tools/list");
      const body = random(10) === 0 ? JSON.stringify(message) : mutate(JSON.stringify(message), random);
      const reply = await send(`${own.url}/mcp`, "POST", body, headers);
      statuses.add(reply.status);
      if (![200, 202, 400, 404].includes(reply.status))
        throw new Error(`case ${i}: ${reply.status} ${reply.text} for ${body}`);
    }
    expect([...statuses]).toEqual(expect.arrayContaining([200, 400]));
    expect(await textOf(own.url, "echo", { text: "still here" })).toBe("still here");
    expect(await own.metric('mcp_failures_total{cause="internal_error"}')).toBe(0);
    await until("the spare alone is left", () => own.descendants() === 1);
  } finally {
    await own.stop();
  }
});

test("odd headers, paths and methods are refused, none with 500", async () => {
  const random = generator(7);
  const session = await openSession(bridge.url);
  const odd = [
    "",
    " ",
    "*",
    "a,b",
    "\u00ff",
    "../..",
    "%00",
    "%zz",
    "2025-11-25, 2025-11-25",
    "x".repeat(2_000),
    "-1",
    "1-1-1",
  ];
  const pick = (): string => odd[random(odd.length)] ?? "";
  for (let i = 0; i < 300; i++) {
    const headers: Record<string, string> = { ...STREAMABLE, "mcp-session-id": session.id };
    const names = [
      "mcp-session-id",
      "mcp-protocol-version",
      "last-event-id",
      "accept",
      "content-type",
      "authorization",
    ];
    headers[names[random(names.length)] ?? ""] = pick();
    const path =
      ["/mcp", "/messages?sessionId=", "/messages", "/nothing/", "//", "/mcp?"][random(6)] + encodeURI(pick());
    const method = ["POST", "DELETE", "PUT", "OPTIONS", "PATCH"][random(5)] ?? "";
    const body = method === "POST" ? SEEDS[0] : undefined;
    const reply = await send(`${bridge.url}${path}`, method, body, headers);
    if (reply.status >= 500) throw new Error(`case ${i}: ${method} ${path} ${JSON.stringify(headers)}: ${reply.text}`);
  }
});

test("bytes that are no HTTP are 400, and connections that break in the middle do no harm", async () => {
  const talk = (text: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect(bridge.port, "127.0.0.1", () => socket.write(text));
      let answer = "";
      socket.on("data", (chunk) => {
        answer += chunk;
        socket.destroy();
      });
      socket.on("error", () => {});
      socket.on("close", () => resolve(answer.split("\r\n")[0] ?? ""));
      setTimeout(() => socket.destroy(), 300);
    });
  expect(await talk("\0\x01\x02 nonsense\r\n\r\n")).toBe("HTTP/1.1 400 Bad Request");
  expect(await talk(`GET /mcp HTTP/1.1\r\nHost: localhost\r\nX: ${"y".repeat(20_000)}\r\n\r\n`)).toBe(
    "HTTP/1.1 431 Request Header Fields Too Large",
  );
  const head = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
  const accept = "Accept: application/json, text/event-stream\r\n";
  expect(await talk(`${head}${accept}Content-Length: 1000\r\n\r\n{"jsonrpc"`)).toBe("");
  expect(await talk(`${head}${accept}Transfer-Encoding: chunked\r\n\r\nzz\r\n`)).toBe("HTTP/1.1 400 Bad Request");
  expect((await send(`${bridge.url}/metrics`, "GET")).status).toBe(200);
});
