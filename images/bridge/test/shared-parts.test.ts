import { describe, expect, test, vi } from "vitest";
import { type Message, readMessage } from "../src/envelope.ts";
import { FairInput } from "../src/fair-input.ts";
import { Fifo } from "../src/fifo.ts";
import { HeldOutput } from "../src/held-output.ts";
import { helloFor, requestForServer, sharedHello, withId, withParam } from "../src/shared-messages.ts";
import { type Hearer, SharedNews } from "../src/shared-news.ts";

function message(text: string): Message {
  const read = readMessage(Buffer.from(text));
  if (!read.ok) throw new Error(read.message);
  return read.value;
}

test("a queue gives back all in order, also while it grows", () => {
  const queue = new Fifo<number>();
  const seen: (number | undefined)[] = [];
  for (let i = 0; i < 5_000; i++) {
    queue.push(2 * i);
    queue.push(2 * i + 1);
    seen.push(queue.shift());
  }
  expect(queue.length).toBe(5_000);
  seen.push(...queue.drain());
  expect(seen).toEqual(Array.from({ length: 10_000 }, (_, i) => i));
  expect([queue.shift(), queue.length]).toEqual([undefined, 0]);
});

describe("the way into a shared server", () => {
  const setup = () => {
    const pipe = { sent: [] as string[], queuedBytes: 0 };
    const input = new FairInput({
      get queuedBytes() {
        return pipe.queuedBytes;
      },
      send: (bytes) => {
        pipe.sent.push(bytes.toString());
        pipe.queuedBytes += bytes.length * 100_000;
      },
    });
    const drain = (): void => {
      pipe.queuedBytes = 0;
      input.drained();
    };
    return { pipe, input, drain };
  };

  test("while it is full, each sender gets a turn, whatever the others have sent", () => {
    const { pipe, input, drain } = setup();
    const [a, b] = [{}, {}];
    for (const text of ["a1", "a2", "a3", "a4"]) input.send(a, Buffer.from(text));
    input.send(b, Buffer.from("b1"));
    expect([pipe.sent, input.queuedBytes(a), input.queuedBytes(b)]).toEqual([["a1"], 6, 2]);
    for (let i = 0; i < 4; i++) drain();
    expect(pipe.sent).toEqual(["a1", "a2", "b1", "a3", "a4"]);
    expect([input.queuedBytes(a), input.queuedBytes(b)]).toEqual([0, 0]);
  });

  test("what a sender takes back was never sent; the ids of its requests are told", () => {
    const { pipe, input, drain } = setup();
    const [a, b] = [{}, {}];
    for (const id of ["1", "2"]) input.send(a, Buffer.from(`a${id}`), id);
    input.send(a, Buffer.from("notification"));
    input.send(b, Buffer.from("b1"), "3");
    expect([...input.discard(a)]).toEqual(["2"]);
    drain();
    expect(pipe.sent).toEqual(["a1", "b1"]);
  });
});

describe("what is held for slow readers", () => {
  const setup = () => {
    const calls: string[] = [];
    const port = { pause: () => void calls.push("pause"), resume: () => void calls.push("resume") };
    const output = new HeldOutput(100, 1_000, port);
    const holder = (name: string) => {
      const self = {
        heldBytes: 0,
        stalled: () => {
          calls.push(`${name} goes`);
          self.add(-self.heldBytes);
        },
        add: (bytes: number) => {
          self.heldBytes += bytes;
          output.changed(self, bytes);
        },
      };
      return self;
    };
    return { calls, output, holder };
  };

  test("the server is paused over the limit for all together, and goes on when half of it is read", () => {
    const { calls, output, holder } = setup();
    const [a, b] = [holder("a"), holder("b")];
    a.add(60);
    b.add(40);
    expect(calls).toEqual([]);
    b.add(1);
    expect(calls).toEqual(["pause"]);
    a.add(-50);
    expect(calls).toEqual(["pause"]);
    b.add(-1);
    expect(calls).toEqual(["pause", "resume"]);
    output.stop();
  });

  test("who holds the most is let go if that takes too long, and then the next, until there is room", () => {
    vi.useFakeTimers();
    try {
      const { calls, holder } = setup();
      const [a, b, c] = [holder("a"), holder("b"), holder("c")];
      a.add(60);
      b.add(70);
      c.add(10);
      vi.advanceTimersByTime(999);
      expect(calls).toEqual(["pause"]);
      vi.advanceTimersByTime(1);
      expect(calls).toEqual(["pause", "b goes"]);
      vi.advanceTimersByTime(10_000);
      expect(calls).toEqual(["pause", "b goes", "a goes", "resume"]);
      expect(c.heldBytes).toBe(10);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("messages", () => {
  test("a request gets the server's id in place of its own and of its progress token, nothing else changes", () => {
    const text =
      '{"params":{"_meta":{"x":1.0,"progressToken" : "é"},"id":5}, "id" : "a\\"b","method":"m","jsonrpc":"2.0"}';
    expect(requestForServer(message(text), "777").toString()).toBe(
      '{"params":{"_meta":{"x":1.0,"progressToken" : 777},"id":5}, "id" : 777,"method":"m","jsonrpc":"2.0"}',
    );
  });

  test("an answer or a notification of the server gets the session's", () => {
    const answer = message('{"result":{"id":1},"id":777,"jsonrpc":"2.0"}');
    expect(withId(answer, "1e400").toString()).toBe('{"result":{"id":1},"id":1e400,"jsonrpc":"2.0"}');
    // Whichever side of the id moves, and if it is longer than the one before.
    const first = '{"jsonrpc":"2.0","id":281474976710,"result":{"é":1.0}}';
    for (const id of ["1", "281474976710", '"a long id of a client"']) {
      expect(withId(message(first), id).toString()).toBe(`{"jsonrpc":"2.0","id":${id},"result":{"é":1.0}}`);
      const last = '{"result":{"é":1.0},"jsonrpc":"2.0","id":281474976710}';
      expect(withId(message(last), id).toString()).toBe(`{"result":{"é":1.0},"jsonrpc":"2.0","id":${id}}`);
    }
    const progress = message('{"jsonrpc":"2.0","method":"p","params":{"progress":1.0,"progressToken":777}}');
    expect(withParam(progress, "progressToken", '"t"').toString()).toBe(
      '{"jsonrpc":"2.0","method":"p","params":{"progress":1.0,"progressToken":"t"}}',
    );
  });

  const hello = (version: string): Message =>
    message(`{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"${version}","capabilities":{"tasks":{},"x":{}}}}`);

  test("tasks are not offered, all else is", () => {
    expect(sharedHello(hello("2025-11-25")).toString()).toBe(
      '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":{"x":{}}}}',
    );
  });

  test.each([
    ["2025-06-18", "2025-03-26", "2025-03-26"],
    ["2025-06-18", "2025-06-18", "2025-06-18"],
    ["2025-06-18", "2025-11-25", "2025-06-18"],
  ])("the server speaks %s, the client asks for %s: %s", (spoken, asked, agreed) => {
    const ask = message(`{"jsonrpc":"2.0","id":"x","method":"initialize","params":{"protocolVersion":"${asked}"}}`);
    expect(JSON.parse(helloFor(hello(spoken), ask).toString())).toMatchObject({
      id: "x",
      result: { protocolVersion: agreed },
    });
  });
});

describe("who hears what", () => {
  const hearer = (): Hearer => ({ initialized: true });
  const news = (method: string, params: object = {}): Message =>
    message(JSON.stringify({ jsonrpc: "2.0", method: `notifications/${method}`, params }));

  test("nobody before initialize has been answered", () => {
    const audience = new SharedNews<Hearer>();
    const [a, b] = [hearer(), { initialized: false }];
    audience.join(a, undefined);
    audience.join(b, undefined);
    expect(audience.audience(news("tools/list_changed"))).toEqual([a]);
  });

  test("a subscription counts from the request on, is confirmed once, and is given up by the last", () => {
    const audience = new SharedNews<Hearer>();
    const [a, b] = [hearer(), hearer()];
    audience.join(a, undefined);
    audience.join(b, undefined);
    expect(audience.subscribe(a, "u")).toBe(false);
    expect(audience.audience(news("resources/updated", { uri: "u" }))).toEqual([a]);
    // Not confirmed yet: the server decides for the second one too.
    expect(audience.subscribe(b, "u")).toBe(false);
    audience.confirm(a, "u");
    expect(audience.subscribe(b, "u")).toBe(true);
    expect(audience.unsubscribe(a, "u")).toBe(false);
    expect(audience.leave(b)).toEqual(["u"]);
    expect(audience.leave(a)).toEqual([]);
  });

  test("the level is told when the least changes, and only then", () => {
    const audience = new SharedNews<Hearer>();
    const [a, b] = [hearer(), hearer()];
    audience.join(a, undefined);
    expect(audience.levelToTell()).toBeUndefined();
    audience.setLevel(a, "error");
    expect([audience.levelToTell(), audience.levelToTell()]).toEqual(["error", undefined]);
    audience.join(b, undefined);
    expect(audience.levelToTell()).toBe("info");
    audience.setLevel(b, "critical");
    expect(audience.levelToTell()).toBe("error");
    audience.leave(a);
    expect(audience.levelToTell()).toBe("critical");
  });
});
