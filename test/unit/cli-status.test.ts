import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import Docker from "dockerode";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { askServers, readHealth, type ServerStatus, verdict } from "../../cli/status.ts";
import { clientLine, renderStatus, renderTable } from "../../cli/table.ts";

describe("health", () => {
  it("is what /health says", () => {
    expect(verdict(readHealth(200, { status: "ok", checks: { child: { ok: true } } }))).toEqual({
      ok: true,
      status: "ok",
    });
    expect(verdict(readHealth(200, undefined))).toEqual({ ok: true, status: "ok" });
  });

  it("names the checks that fail", () => {
    const body = { status: "failing", checks: { child: { ok: false, detail: "exited with 1" }, port: { ok: true } } };
    expect(verdict(readHealth(503, body))).toEqual({ ok: false, status: "failing (HTTP 503) child: exited with 1" });
  });

  it("tells a refused token and silence apart", () => {
    expect(verdict(readHealth(401, {}))).toEqual({ ok: false, status: "refuses the stack's token (HTTP 401)" });
    expect(verdict({ code: undefined, status: undefined, failing: [], fault: "ECONNREFUSED" })).toEqual({
      ok: false,
      status: "no answer: ECONNREFUSED",
    });
  });
});

describe("asking the servers of a stack", () => {
  let server: Server;
  let base: string;
  beforeAll(async () => {
    server = createServer((request, response) => {
      const body = { status: "ok", checks: { child: { ok: request.url !== "/sick", detail: "gone" } } };
      const code = request.headers.authorization !== "Bearer right" ? 401 : request.url === "/sick" ? 503 : 200;
      response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  it("shows each as it is, and none is taken for another", async () => {
    const at = (health: string) => {
      const endpoint = { sse: "http://h/sse", http: "http://h/mcp", health, metrics: "http://h/metrics" };
      return { internal: endpoint, host: endpoint };
    };
    const outputs = {
      endpoints: {
        well: at(`${base}/health`),
        sick: at(`${base}/sick`),
        stranger: at(`${base}/health`),
        gone: at(`http://127.0.0.1:${await closedPort()}/health`),
      },
      tokens: { well: "right", sick: "right", stranger: "wrong" },
      containers: { well: "mcp-well", sick: "mcp-sick", stranger: "mcp-stranger", gone: "mcp-gone" },
    };
    // No server is unpublished, so the engine is not asked.
    const statuses = await askServers(outputs, new Docker(), 1);
    expect(statuses.map(({ server, ok, status, container }) => [server, ok, status, container])).toEqual([
      ["well", true, "ok", "mcp-well"],
      ["sick", false, "ok (HTTP 503) child: gone", "mcp-sick"],
      ["stranger", false, "refuses the stack's token (HTTP 401)", "mcp-stranger"],
      ["gone", false, "no answer: ECONNREFUSED", "mcp-gone"],
    ]);
  });
});

/** A port that was free a moment ago. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const fetchServer: ServerStatus = {
  server: "fetch",
  ok: true,
  status: "ok",
  http: "http://127.0.0.1:8504/mcp",
  sse: "http://127.0.0.1:8504/sse",
  published: true,
  container: undefined,
};

describe("the table", () => {
  it("is as wide as its widest cells", () => {
    expect(
      renderTable(
        ["A", "BB"],
        [
          ["aaa", "b"],
          ["", "bbb"],
        ],
      ),
    ).toBe("A    BB\naaa  b\n     bbb");
  });

  it("has a line per transport, and the line for a client", () => {
    expect(renderStatus([fetchServer], "dev").split("\n")).toEqual([
      "SERVER  STATUS  TRANSPORT  URL",
      "fetch   ok      http       http://127.0.0.1:8504/mcp",
      "                sse        http://127.0.0.1:8504/sse",
      "",
      "for a client, from this folder:",
      '  claude mcp add --transport http fetch http://127.0.0.1:8504/mcp --header "Authorization: Bearer $(npm run --silent token -- fetch)"',
    ]);
  });

  it("shows what is wrong, and gives no client line for what the host cannot reach", () => {
    const status = {
      ...fetchServer,
      ok: false,
      status: "no answer: ECONNREFUSED",
      published: false,
      container: "mcp-fetch",
    };
    const text = renderStatus([status], "dev");
    expect(text).toContain("FAILED: no answer: ECONNREFUSED");
    expect(text).toContain("(not published on the host)");
    expect(text).toContain("\nfetch does not answer well; its log: docker logs --tail 50 mcp-fetch");
    expect(text).not.toContain("claude mcp add");
  });

  it("names the stack where it is not the usual one", () => {
    expect(clientLine("fetch", "http://h/mcp", "prod")).toContain("$(npm run --silent token -- fetch --stack prod)");
  });

  it("says so when no server is on", () => {
    expect(renderStatus([], "prod")).toBe("no server is on: add one under mcp:servers in Pulumi.prod.yaml");
  });
});
