import { execFile } from "node:child_process";
import { hostname } from "node:os";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type BridgeSetup, type RunningBridge, startBridge, until } from "./fixtures/bridge.ts";
import { openSession, rawRequest, SseSession } from "./fixtures/http-client.ts";

// Real processes on a shared machine: generous, and never part of an assertion.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const bridges: RunningBridge[] = [];
afterEach(async () => {
  await Promise.all(bridges.splice(0).map((bridge) => bridge.stop("SIGKILL")));
});
async function start(setup: BridgeSetup = {}): Promise<RunningBridge> {
  const bridge = await startBridge(setup);
  bridges.push(bridge);
  return bridge;
}

interface Report {
  status: string;
  checks: { child: { ok: boolean; detail: string; at?: string } };
}

async function health(bridge: RunningBridge): Promise<{ status: number; report: Report }> {
  const response = await fetch(`${bridge.url}/health`);
  return { status: response.status, report: (await response.json()) as Report };
}

const BIN = fileURLToPath(new URL("../bin/mcp-bridge.ts", import.meta.url));

describe("/health", () => {
  test("asks the spare, which a session can then still take as if it were new", async () => {
    const bridge = await start();
    const { status, report } = await health(bridge);
    expect(status).toBe(200);
    expect(report).toEqual({
      status: "ok",
      server: "fixture",
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      instance: hostname(),
      sessions: 0,
      uptimeSeconds: expect.any(Number),
      checks: { child: { ok: true, detail: "the server answers", at: expect.any(String) } },
    });
    expect(bridge.descendants()).toBe(1);
    const session = await openSession(bridge.url);
    expect(await session.call("echo", { text: "hello" })).toBe("hello");
    expect((await health(bridge)).report).toMatchObject({ sessions: 1 });
  });

  test("is cached: many questions at once are one to the server", async () => {
    const bridge = await start();
    const reports = await Promise.all(Array.from({ length: 20 }, () => health(bridge)));
    expect(new Set(reports.map(({ report }) => report.checks.child.at)).size).toBe(1);
  });

  test("a server that has not answered yet is starting, not healthy, and is left to start", async () => {
    const bridge = await start({ server: ["--hang"] });
    const first = await health(bridge);
    expect([first.status, first.report.status]).toEqual([503, "starting"]);
    expect(first.report.checks.child.detail).toBe("the server is starting; it has not answered yet");
    expect(await bridge.metric("mcp_child_restarts_total")).toBe(0);
  });

  test("a server that dies of a ping before initialize is asked by a probe instead", async () => {
    const bridge = await start({ server: ["--no-early-ping"] });
    await until("it is green", async () => (await health(bridge)).status === 200);
    const session = await openSession(bridge.url);
    expect(await session.call("echo", { text: "fine" })).toBe("fine");
  });

  test("without a warm child a probe is asked, and ended again", async () => {
    const bridge = await start({ args: ["--warm-children", "0"] });
    expect(bridge.descendants()).toBe(0);
    expect((await health(bridge)).status).toBe(200);
    await until("the probe is gone", () => bridge.descendants() === 0);
    const session = await openSession(bridge.url);
    expect(await session.call("echo", { text: "cold" })).toBe("cold");
  });

  test("`mcp-bridge health` exits 0 or 1 with one line", async () => {
    const bridge = await start();
    const run = (port: number) => promisify(execFile)(process.execPath, [BIN, "health", "--port", String(port)]);
    const { stdout } = await run(bridge.port);
    expect(JSON.parse(stdout)).toMatchObject({ status: "ok", server: "fixture" });
    await bridge.stop();
    await expect(run(bridge.port)).rejects.toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/^no answer from .*\n$/),
    });
  });
});

describe("/metrics", () => {
  test("counts requests by method, tool and outcome, with tools only as the server named them", async () => {
    const bridge = await start();
    const session = await openSession(bridge.url);
    await session.call("echo", { text: "before the list" });
    await session.request("tools/list");
    await session.call("echo", { text: "after" });
    await session.request("tools/call", { name: "error" });
    await session.request("tools/call", { name: 'made"up\n' });
    await session.request("no/such/method");
    const response = await fetch(`${bridge.url}/metrics`);
    expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const lines = (await response.text()).split("\n");
    expect(lines.filter((line) => line.startsWith("mcp_requests_total")).sort()).toEqual([
      'mcp_requests_total{method="initialize",tool="",outcome="ok"} 1',
      'mcp_requests_total{method="other",tool="",outcome="error"} 1',
      'mcp_requests_total{method="tools/call",tool="echo",outcome="ok"} 1',
      'mcp_requests_total{method="tools/call",tool="error",outcome="tool_error"} 1',
      'mcp_requests_total{method="tools/call",tool="other",outcome="error"} 1',
      'mcp_requests_total{method="tools/call",tool="other",outcome="ok"} 1',
      'mcp_requests_total{method="tools/list",tool="",outcome="ok"} 1',
    ]);
    expect(lines).toContain("mcp_active_sessions 1");
    expect(lines).toContain('mcp_request_duration_seconds_count{method="tools/call"} 4');
    expect(lines).toContain('mcp_request_duration_seconds_bucket{method="tools/call",le="+Inf"} 4');
    // Every series has a HELP and a TYPE, and every line is one of the three kinds.
    const names = new Set(lines.filter((line) => line.startsWith("# TYPE")).map((line) => line.split(" ")[2]));
    for (const line of lines.filter((candidate) => candidate !== "")) {
      expect(line).toMatch(/^(# (HELP|TYPE) mcp_\w+ .+|mcp_\w+(\{[^}]*\})? [\d.e+-]+)$/);
      const name = line.startsWith("#") ? line.split(" ")[2] : line.split(/[{ ]/)[0];
      expect(names).toContain((name ?? "").replace(/_(bucket|sum|count)$/, ""));
    }
  });
});

describe("behind a prefix", () => {
  test.each([
    ["/memory", "/memory/messages"],
    ["/a/b/", "/a/b/messages"],
    ["/outer, /inner", "/outer/messages"],
    ["//evil.example.com", "/messages"],
    ["https://evil.example.com", "/messages"],
    ["/a/../b", "/messages"],
    ["/a b", "/messages"],
  ])("X-Forwarded-Prefix %s gives %s", async (prefix, path) => {
    const { messagesPath } = await import("../src/sse-transport.ts");
    expect(messagesPath(prefix)).toBe(path);
  });

  test("the endpoint event carries it, and the session works under the plain path", async () => {
    const bridge = await start();
    const session = await SseSession.open(bridge.url);
    expect(session.endpoint).toMatch(/^\/messages\?sessionId=[\w-]{43}$/);
    session.close();
    const response = await fetch(`${bridge.url}/sse`, { headers: { "x-forwarded-prefix": "/memory" } });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const { value } = await reader.read();
    expect(Buffer.from(value ?? []).toString()).toMatch(
      /^event: endpoint\ndata: \/memory\/messages\?sessionId=[\w-]{43}\n\n$/,
    );
    await reader.cancel();
    expect((await rawRequest(bridge.port, { method: "GET", path: "/sse" })).status).toBe(200);
  });
});
