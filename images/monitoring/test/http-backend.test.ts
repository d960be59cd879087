import { createServer } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { z } from "zod";
import { BackendError } from "../src/backends/backend-error.ts";
import { eachOf } from "../src/backends/gate.ts";
import { HttpBackend } from "../src/backends/http-backend.ts";
import { type Answer, deadUrl, FakeServer } from "./fixtures/fake-server.ts";

const fakes: FakeServer[] = [];
afterEach(async () => {
  await Promise.all(fakes.splice(0).map((fake) => fake.stop()));
});
async function start(answer: Answer): Promise<FakeServer> {
  const fake = await FakeServer.start(answer);
  fakes.push(fake);
  return fake;
}

const backendAt = (url: string, timeoutMs = 5_000) =>
  new HttpBackend(
    { name: "Loki", variable: "LOKI_URL", credentials: "LOKI", url, headers: { authorization: "Bearer s3cret" } },
    timeoutMs,
  );

async function fault(
  asking: Promise<unknown>,
): Promise<{ fault: string; status: number | undefined; message: string }> {
  const error = await asking.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof BackendError)) throw error ?? new Error("nothing failed");
  expect(error.message).not.toContain("s3cret");
  return { fault: error.fault, status: error.status, message: error.message };
}
const ask = { maxBytes: 1_048_576 };

describe("a backend that", () => {
  test("refuses connections is named with its URL and what to do", async () => {
    const url = await deadUrl();
    expect(await fault(backendAt(url).text("/x", ask))).toEqual({
      fault: "refused",
      status: undefined,
      message: `Loki at ${url} refuses connections: nothing listens there. Start it, or correct LOKI_URL.`,
    });
  });

  test("has a name that nobody knows", async () => {
    const url = "http://no-such-host.invalid:3100";
    expect(await fault(backendAt(url).text("/x", ask))).toEqual({
      fault: "unknown_host",
      status: undefined,
      message: `Loki at ${url} cannot be found: no host of that name answers here. Start its container, put it on this server's network, or correct LOKI_URL.`,
    });
  });

  test("is silent is given up in time, and asked only once", async () => {
    const fake = await start(() => ({ body: "{}" }));
    // The first request of a process is slow; the second one is what is meant here.
    await backendAt(fake.url).text("/x", ask);
    fake.answer = () => undefined;
    expect(await fault(backendAt(fake.url, 1_000).text("/x", ask))).toEqual({
      fault: "timeout",
      status: undefined,
      message: `Loki at ${fake.url} gave no answer within 1 s. It may be overloaded: ask for a shorter time range or a narrower query, or raise MONITORING_TIMEOUT_SECONDS.`,
    });
    expect(fake.asked).toHaveLength(2);
  });

  test("breaks off", async () => {
    const server = createServer((socket) => socket.on("data", () => socket.destroy()));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    expect(await fault(backendAt(`http://127.0.0.1:${port}`).text("/x", ask))).toMatchObject({ fault: "broken" });
    await new Promise((resolve) => server.close(resolve));
  });

  test("answers with an error is quoted on one line", async () => {
    const fake = await start(() => ({ status: 500, body: "too many\n  outstanding requests\n" }));
    expect(await fault(backendAt(fake.url).text("/x", ask))).toEqual({
      fault: "status",
      status: 500,
      message: `Loki at ${fake.url} answered HTTP 500: too many outstanding requests`,
    });
    fake.answer = () => ({ status: 429, body: { status: "error", error: "slow down" } });
    expect((await fault(backendAt(fake.url).text("/x", ask))).message).toContain("HTTP 429: slow down");
    fake.answer = () => ({ status: 502, body: "<html><h1>Bad gateway</h1></html>" });
    expect((await fault(backendAt(fake.url).text("/x", ask))).message).toBe(`Loki at ${fake.url} answered HTTP 502`);
  });

  test("wants other credentials says which variables hold them", async () => {
    const fake = await start(() => ({ status: 401, body: "no org id" }));
    expect((await fault(backendAt(fake.url).text("/x", ask))).message).toBe(
      `Loki at ${fake.url} does not let us in (HTTP 401: no org id). Set LOKI_TOKEN, or LOKI_USERNAME and LOKI_PASSWORD to what it accepts.`,
    );
    expect(fake.asked[0]?.headers.authorization).toBe("Bearer s3cret");
  });

  test("redirects is not followed: the credentials would go along", async () => {
    const fake = await start(() => ({ status: 302, headers: { location: "http://elsewhere.example/" } }));
    expect((await fault(backendAt(fake.url).text("/x", ask))).message).toBe(
      `Loki at ${fake.url} redirects to http://elsewhere.example/, which is not followed. Set LOKI_URL to where it ends.`,
    );
  });

  test("answers with more than is bearable is cut off", async () => {
    const fake = await start(() => ({ body: "x".repeat(1_048_577) }));
    expect(await fault(backendAt(fake.url).text("/x", ask))).toEqual({
      fault: "too_large",
      status: undefined,
      message: `Loki at ${fake.url} answered with more than 1 MiB. Ask for less: a shorter time range, a lower limit, a narrower query.`,
    });
  });

  test("is another program", async () => {
    const schema = z.object({ data: z.object({ result: z.string() }) });
    const fake = await start(() => ({ body: "welcome" }));
    expect((await fault(backendAt(fake.url).json("/x", schema, ask))).message).toBe(
      `${fake.url}/x does not answer like Loki (no JSON). Is LOKI_URL the address of Loki?`,
    );
    fake.answer = () => ({ body: { data: {} } });
    expect((await fault(backendAt(fake.url).json("/x", schema, ask))).message).toContain(
      "does not answer like Loki (data.result: ",
    );
  });

  test("is asked by a crowd is asked by few at a time", async () => {
    const fake = await start(() => undefined);
    const backend = backendAt(fake.url, 60_000);
    const crowd = new AbortController();
    const asking = Promise.allSettled(
      Array.from({ length: 20 }, () => backend.text("/x", { ...ask, signal: crowd.signal })),
    );
    await expect.poll(() => fake.asked.length, { timeout: 10_000 }).toBe(6);
    crowd.abort(new Error("gone"));
    const results = await asking;
    expect(results.filter(({ status }) => status === "rejected")).toHaveLength(20);
    // Those in line were never sent: no second wave hits a backend that is down.
    expect(fake.asked).toHaveLength(6);
    // Whoever left has left its place, too.
    fake.answer = () => ({ body: "good" });
    expect(await backend.text("/x", ask)).toBe("good");
  });
});

test("a caller that goes away ends its request", async () => {
  const fake = await start(() => undefined);
  const caller = new AbortController();
  const asking = backendAt(fake.url).text("/x", { ...ask, signal: caller.signal });
  setTimeout(() => caller.abort(new Error("gone")), 20);
  await expect(asking).rejects.toThrow("gone");
});

test("work on many things keeps their order, and stops at the first fault", async () => {
  let [now, most] = [0, 0];
  const results = await eachOf([3, 1, 2], 2, async (value) => {
    most = Math.max(most, ++now);
    await new Promise((resolve) => setTimeout(resolve, value * 5));
    now--;
    return value * 10;
  });
  expect(results).toEqual([30, 10, 20]);
  expect(most).toBe(2);
  await expect(eachOf([1], 2, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
});
