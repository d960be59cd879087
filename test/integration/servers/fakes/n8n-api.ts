import { createServer } from "node:http";

// An n8n instance with one workflow, which answers one API key. It runs in a container of its own, so it imports nothing
// of ours. Every request that it lets in is a line on its output.

const date = "2026-01-02T03:04:05.000Z";
const workflow = {
  id: "w1",
  name: "Tell the coyote",
  active: true,
  isArchived: false,
  createdAt: date,
  updatedAt: date,
  tags: [{ id: "t1", name: "desert" }],
  nodes: [
    {
      id: "n1",
      name: "Webhook",
      type: "n8n-nodes-base.webhook",
      typeVersion: 2,
      position: [0, 0],
      parameters: { path: "anvil", httpMethod: "POST" },
    },
    { id: "n2", name: "Nothing", type: "n8n-nodes-base.noOp", typeVersion: 1, position: [200, 0], parameters: {} },
  ],
  connections: { Webhook: { main: [[{ node: "Nothing", type: "main", index: 0 }]] } },
  settings: {},
};
const execution = {
  id: "e1",
  workflowId: "w1",
  finished: true,
  status: "success",
  mode: "webhook",
  startedAt: date,
  stoppedAt: date,
};
const list = (item: object) => ({ data: [item], nextCursor: null });

/** Answers by method and path. */
const answers: Readonly<Record<string, unknown>> = {
  "GET /api/v1/workflows": list(workflow),
  "GET /api/v1/workflows/w1": workflow,
  "GET /api/v1/workflows/w1/test-runs": list({ id: "r1", workflowId: "w1", status: "completed", createdAt: date }),
  "GET /api/v1/executions": list(execution),
  "GET /api/v1/executions/e1": execution,
  "GET /api/v1/tags": list({ id: "t1", name: "desert" }),
  "GET /api/v1/data-tables": list({ id: "d1", name: "Deliveries", columns: [] }),
  "GET /api/v1/projects/p1/folders": { count: 1, data: [{ id: "f1", name: "Canyon" }] },
  "POST /api/v1/audit": {
    "Nodes Risk Report": {
      risk: "nodes",
      sections: [{ title: "Community nodes", description: "", recommendation: "" }],
    },
  },
};
const open: Readonly<Record<string, unknown>> = {
  "GET /healthz": { status: "ok" },
  "GET /rest/settings": { data: { n8nVersion: "2.40.7", versionCli: "2.40.7" } },
};

createServer((request, response) => {
  const { pathname } = new URL(request.url ?? "/", "http://n8n");
  const what = `${request.method} ${pathname}`;
  const send = (status: number, body: unknown) =>
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  request.resume();
  if (what in open) return send(200, open[what]);
  if (request.headers["x-n8n-api-key"] !== process.env.FAKE_TOKEN) return send(401, { message: "unauthorized" });
  console.log(what);
  return what in answers ? send(200, answers[what]) : send(404, { message: "Not Found" });
}).listen(5678, process.env.FAKE_ADDRESS ?? "0.0.0.0", () => console.log("listening"));
