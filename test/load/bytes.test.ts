import { Agent } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RunningBridge, warm } from "../../images/bridge/test/fixtures/bridge.ts";
import {
  type Caller,
  LoadSession,
  LoadSessionless,
  LoadSse,
  startLoadBridge,
  toolCall,
} from "../../images/bridge/test/fixtures/load-client.ts";
import { PREFIX, VERSION } from "../../images/bridge/test/fixtures/sessionless-client.ts";

let bridge: RunningBridge;
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
beforeAll(async () => {
  bridge = await startLoadBridge();
  await warm(bridge);
});
afterAll(async () => {
  agent.destroy();
  await bridge.stop();
});

const ERAS: readonly [string, () => Promise<Caller & { close?(): void }>][] = [
  ["2024-11-05", () => LoadSse.open(bridge.port, agent)],
  ["2025-03-26", () => LoadSession.open(bridge.port, agent, "2025-03-26")],
  ["2025-06-18", () => LoadSession.open(bridge.port, agent, "2025-06-18")],
  ["2025-11-25", () => LoadSession.open(bridge.port, agent, "2025-11-25")],
  [VERSION, async () => new LoadSessionless(bridge.port, agent)],
];

/** All that parsers like to change: numbers, escapes, order, doubled keys, names nobody knows, long characters. */
const ODD =
  '{"zz":12345678901234567890,"one":1.0,"huge":1e400,"minus":-0,"tiny":0.1000000000000000055511151231257827,' +
  '"aa":"\\u00e9\\ud83d\\ude00\\/","twice":1,"twice":2,"é":"日本 🎉 \u2028","\\u0061":[ 1 , {"b":null} ],"10":0,"9":0}';

/** The text of a call, with what 2026-07-28 wants in every request. */
function callText(era: string, id: number, name: string, args: string): string {
  const meta = `"_meta":{"${PREFIX}protocolVersion":"${VERSION}","${PREFIX}clientCapabilities":{}}`;
  const more = era === VERSION ? `,${meta}` : "";
  return `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"${name}","arguments":${args}${more}}}`;
}

describe.each(ERAS)("%s", (era, open) => {
  let caller: Caller & { close?(): void };
  beforeAll(async () => {
    caller = await open();
  });
  afterAll(() => caller.close?.());
  let id = 1_000;

  test.each([1_024, 65_536, 1_048_576, 10_485_760])("%i bytes there and back are the same bytes", async (bytes) => {
    const unit = 'a\\"€🎉\n';
    const text = unit.repeat(Math.ceil(bytes / Buffer.byteLength(unit)));
    const [data] = await caller.call("echo", { text }, id++);
    // Not `toBe`, whose report of ten megabytes would take minutes.
    expect(JSON.parse(data ?? "{}").result.content[0].text === text).toBe(true);
  });

  test("what the client writes arrives as it was written, cut into packets at every byte", async () => {
    const sizes = new Set<number>();
    const all = Buffer.byteLength(callText(era, id, "line", ODD));
    const texts = Array.from({ length: all - 1 }, (_, at) => ({ at: at + 1, text: callText(era, id++, "line", ODD) }));
    await oneByOne(texts, async ({ at, text }) => {
      const bytes = Buffer.from(text);
      sizes.add(bytes.length);
      const [data] = await caller.send([bytes.subarray(0, at), bytes.subarray(at)]);
      const line: string = JSON.parse(data ?? "{}").result?.content[0].text;
      expect(line.includes(`"arguments":${ODD}`)).toBe(true);
      if (era !== VERSION) expect(line).toBe(text);
    });
    expect(sizes.size).toBe(1);
  });

  test("what the server writes arrives as it was written, cut at every byte", async () => {
    const length = Buffer.byteLength(`{"jsonrpc":"2.0","id":${id},"result":${ODD}}`);
    const cuts = Array.from({ length: length - 1 }, (_, i) => ({ at: i + 1, id: id++ }));
    await oneByOne(cuts, async ({ at, id: each }) => {
      const [data] = await caller.call("cut", { at, result: ODD }, each);
      // 2026-07-28 puts members of its own before the server's.
      if (era === VERSION) expect(data?.endsWith(`,${ODD.slice(1)}}`)).toBe(true);
      else expect(data).toBe(`{"jsonrpc":"2.0","id":${each},"result":${ODD}}`);
    });
  });
});

/** One at a time, as pieces of two messages must not mix on the way. */
async function oneByOne<T>(items: readonly T[], each: (item: T) => Promise<void>): Promise<void> {
  for (const item of items) await each(item);
}

test("a body in single bytes, and characters of four bytes cut in each place", async () => {
  const session = await LoadSession.open(bridge.port, agent);
  const bytes = Buffer.from(JSON.stringify(toolCall(1, "echo", { text: "🎉é€" })));
  const [data] = await session.send(Array.from(bytes, (byte) => Buffer.of(byte)));
  expect(JSON.parse(data ?? "{}").result.content[0].text).toBe("🎉é€");
  await session.delete();
});
