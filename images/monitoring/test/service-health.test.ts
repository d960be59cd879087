import { afterEach, describe, expect, test } from "vitest";
import { type Answer, deadUrl, FakeServer } from "./fixtures/fake-server.ts";
import { loki, netdata } from "./fixtures/recorded.ts";
import { ToolClient } from "./fixtures/tools.ts";

const opened: AsyncDisposable[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((it) => it[Symbol.asyncDispose]()));
});
async function start(answer: Answer): Promise<string> {
  const fake = await FakeServer.start(answer);
  opened.push(fake);
  return fake.url;
}
async function connect(env: Record<string, string>): Promise<ToolClient> {
  const tools = await ToolClient.connect(env);
  opened.push(tools);
  return tools;
}

const report = (
  status: string,
  checks = { child: { ok: status === "ok", detail: "the server answers", at: "x" } },
) => ({
  status,
  server: "x",
  version: "1.2.3",
  instance: "0123456789ab",
  sessions: 4,
  uptimeSeconds: 60,
  checks,
});

describe("service_health", () => {
  test("tells how every server and backend is", async () => {
    const urls = {
      good: await start(() => ({ body: report("ok") })),
      bad: await start(() => ({
        status: 503,
        body: report("failing", {
          child: { ok: false, detail: "the server gave no answer to ping within 3000 ms", at: "x" },
        }),
      })),
      gone: await deadUrl(),
      other: await start(() => ({ status: 404, body: "no such page" })),
    };
    const [lokiUrl, netdataUrl] = [await start(loki({ query: "lines" })), await start(netdata)];
    const tools = await connect({ MCP_SERVICES: JSON.stringify(urls), LOKI_URL: lokiUrl, NETDATA_URL: netdataUrl });
    const { data, text, isError } = await tools.call("service_health");
    expect(isError).toBe(false);
    expect(data.status).toBe("degraded");
    const latencyMs = expect.any(Number);
    expect(data.services).toEqual([
      {
        name: "good",
        kind: "mcp",
        status: "ok",
        url: urls.good,
        latencyMs,
        version: "1.2.3",
        instance: "0123456789ab",
        sessions: 4,
        uptimeSeconds: 60,
        checks: { child: { ok: true, detail: "the server answers" } },
      },
      expect.objectContaining({
        name: "bad",
        status: "failing",
        checks: { child: { ok: false, detail: "the server gave no answer to ping within 3000 ms" } },
      }),
      {
        name: "gone",
        kind: "mcp",
        status: "unreachable",
        url: urls.gone,
        latencyMs,
        error: `server "gone" at ${urls.gone} refuses connections: nothing listens there. Start it, or correct MCP_SERVICES.`,
      },
      {
        name: "other",
        kind: "mcp",
        status: "unready",
        url: urls.other,
        latencyMs,
        error: `server "other" at ${urls.other} answered HTTP 404: no such page`,
      },
      { name: "loki", kind: "backend", status: "ok", url: lokiUrl, latencyMs, version: "3.7.6" },
      { name: "netdata", kind: "backend", status: "ok", url: netdataUrl, latencyMs, version: "v1.37.1" },
    ]);
    expect(text).toMatch(
      /^3 of 6 are not ok\ngood: ok at http:\S+ \(version 1\.2\.3, 4 sessions, [\d.]+ ms\)\nbad: failing/,
    );
    expect(text).toContain("\n  child: the server gave no answer to ping within 3000 ms\n");
  });

  test("asks only those that are named, and no others", async () => {
    const good = await start(() => ({ body: report("ok") }));
    const tools = await connect({ MCP_SERVICES: JSON.stringify({ good, gone: await deadUrl() }) });
    const { data } = await tools.call("service_health", { services: ["good"] });
    expect(data.status).toBe("ok");
    expect(data.services.map(({ name }: { name: string }) => name)).toEqual(["good"]);
    const { isError, text } = await tools.call("service_health", { services: ["good", "bed"] });
    expect([isError, text]).toEqual([
      true,
      '`services` has "bed", which this server does not know; it knows good, gone, loki, netdata',
    ]);
  });

  test("tells a Loki that is starting from one that is away, and takes one behind a gateway", async () => {
    const starting = await start(() => ({
      status: 503,
      body: "Ingester not ready: waiting for 15s after being ready\n",
    }));
    const { data } = await (await connect({ LOKI_URL: starting })).call("service_health", { services: ["loki"] });
    expect(data.services).toEqual([
      {
        name: "loki",
        kind: "backend",
        status: "unready",
        url: starting,
        latencyMs: expect.any(Number),
        error: `Loki at ${starting} answered HTTP 503: Ingester not ready: waiting for 15s after being ready`,
      },
    ]);
    const gateway = await start(({ pathname }) =>
      pathname === "/loki/api/v1/labels" ? { body: { status: "success" } } : { status: 404, body: "not found" },
    );
    const behind = await (await connect({ LOKI_URL: gateway })).call("service_health", { services: ["loki"] });
    expect(behind.data.services).toEqual([
      { name: "loki", kind: "backend", status: "ok", url: gateway, latencyMs: expect.any(Number) },
    ]);
  });

  test("asks servers behind a gateway, which answers for one that is away", async () => {
    const gateway = await start(({ pathname }) => {
      if (pathname === "/memory/health") return { body: report("ok") };
      return pathname === "/fetch/health"
        ? { status: 502, body: "Bad Gateway" }
        : { status: 503, body: "no available server\n" };
    });
    const urls = { memory: `${gateway}/memory`, fetch: `${gateway}/fetch`, github: `${gateway}/github` };
    const tools = await connect({ MCP_SERVICES: JSON.stringify(urls) });
    const { data } = await tools.call("service_health", { services: Object.keys(urls) });
    expect(data.services.map(({ name, status, error }: Record<string, string>) => [name, status, error])).toEqual([
      ["memory", "ok", undefined],
      ["fetch", "unreachable", `server "fetch" at ${urls.fetch} answered HTTP 502: Bad Gateway`],
      ["github", "unready", `server "github" at ${urls.github} answered HTTP 503: no available server`],
    ]);
  });

  test("gives up on one that does not answer, and asks the others all the same", async () => {
    const silent = await start(() => undefined);
    const good = await start(() => ({ body: report("ok") }));
    const env = { MCP_SERVICES: JSON.stringify({ silent, good }), MONITORING_TIMEOUT_SECONDS: "3" };
    const { data } = await (await connect(env)).call("service_health", { services: ["silent", "good"] });
    expect(data.services.map(({ name, status }: { name: string; status: string }) => [name, status])).toEqual([
      ["silent", "unreachable"],
      ["good", "ok"],
    ]);
    expect(data.services[0].error).toContain("gave no answer within 3 s");
  });
});
