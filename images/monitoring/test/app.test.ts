import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { startBridge, until } from "../../bridge/test/fixtures/bridge.ts";
import { openSession } from "../../bridge/test/fixtures/http-client.ts";
import { deadUrl, FakeServer } from "./fixtures/fake-server.ts";
import { loki } from "./fixtures/recorded.ts";
import { ToolClient } from "./fixtures/tools.ts";

const PROGRAM = fileURLToPath(new URL("../src/server.ts", import.meta.url));

test("there are five tools, which say that they only look, and what they take and give", async () => {
  await using tools = await ToolClient.connect({});
  const listed = (await tools.client.listTools()).tools;
  expect(listed.map(({ name }) => name)).toEqual([
    "search_logs",
    "get_system_metrics",
    "get_container_metrics",
    "check_alerts",
    "service_health",
  ]);
  for (const { annotations, inputSchema, outputSchema, title, description } of listed) {
    expect(annotations).toEqual({
      readOnlyHint: true,
      destructiveHint: false,
      idempotentHint: true,
      openWorldHint: false,
    });
    expect([inputSchema.type, outputSchema?.type]).toEqual(["object", "object"]);
    expect([title, description].every((text) => (text ?? "").length > 5)).toBe(true);
  }
});

test("the server stays up when a backend is down, and /health says which one", async () => {
  await using lokiServer = await FakeServer.start(loki({ query: "lines" }));
  const env = { LOKI_URL: lokiServer.url, NETDATA_URL: await deadUrl() };
  const server = await startBridge({ program: PROGRAM, env });
  try {
    const health = async () => {
      const reply = await fetch(`${server.url}/health`);
      return {
        status: reply.status,
        report: (await reply.json()) as { status: string; checks: Record<string, unknown> },
      };
    };
    await until("three answers are missing", async () => (await health()).report.status === "failing");
    const { status, report } = await health();
    expect(status).toBe(503);
    expect(report.checks).toMatchObject({
      server: { ok: true },
      loki: { ok: true, detail: "loki answers" },
      netdata: { ok: false, detail: "netdata does not answer; the log has the cause" },
    });
    const session = await openSession(server.url);
    expect(await session.call("search_logs", { range: "1h" })).toContain("4 lines of");
    expect(await session.call("get_system_metrics")).toMatch(/^Netdata at \S+ refuses connections/);
  } finally {
    await server.stop();
  }
});

test("a wrong environment ends the program before it listens", () => {
  const { status, stderr } = spawnSync(process.execPath, [PROGRAM, "--port", "0"], {
    encoding: "utf8",
    env: { PATH: process.env.PATH, LOKI_URL: "nowhere", MCP_SERVICES: "[" },
  });
  expect(status).toBe(2);
  expect(stderr).toBe(
    "the environment of the monitoring server is wrong:\nLOKI_URL is no URL; write for example http://loki:3100\nMCP_SERVICES is no JSON\n",
  );
});
