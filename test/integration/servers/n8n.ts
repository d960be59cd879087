import { afterAll, beforeAll, expect, test } from "vitest";
import { callText } from "../clients.ts";
import { logsOf } from "../test-stack.ts";
import { type Fake, startFake } from "./fakes/start.ts";
import { type ServerProof, transports } from "./proof.ts";

const host = "n8n.test";
const apiKey = "n8n_key_of_the_integration_tests";
const workflow = {
  name: "Ring",
  nodes: [
    { id: "a", name: "Start", type: "n8n-nodes-base.manualTrigger", typeVersion: 1, position: [0, 0], parameters: {} },
    { id: "b", name: "Lost", type: "n8n-nodes-base.noOpp", typeVersion: 1, position: [200, 0], parameters: {} },
  ],
  connections: { Start: { main: [[{ node: "Lost", type: "main", index: 0 }]] } },
};

/** Every tool with real arguments, and a part of the answer that shows where it came from. */
const calls: readonly (readonly [string, Record<string, unknown>, string])[] = [
  // The documentation in the image.
  ["tools_documentation", { topic: "search_nodes" }, "# search_nodes"],
  // The best match comes first only with full-text search.
  ["search_nodes", { query: "webhook", limit: 1 }, '"nodeType": "nodes-base.webhook"'],
  ["get_node", { nodeType: "nodes-base.httpRequest", detail: "minimal" }, '"displayName": "HTTP Request"'],
  [
    "validate_node",
    { nodeType: "nodes-base.slack", config: { resource: "message", operation: "post" } },
    "Message Text",
  ],
  ["search_templates", { query: "slack", limit: 1 }, '"total"'],
  ["get_template", { templateId: 4037, mode: "nodes_only" }, "Manage WhatsApp Chats Centrally on Slack"],
  ["validate_workflow", { workflow }, "noOpp"],
  // The instance.
  ["n8n_list_workflows", {}, '"name": "Tell the coyote"'],
  ["n8n_get_workflow", { id: "w1" }, '"path": "anvil"'],
  ["n8n_validate_workflow", { id: "w1" }, '"valid": true'],
  ["n8n_health_check", {}, '"n8nVersion": "2.40.7"'],
  ["n8n_audit_instance", { includeCustomScan: false }, "Community nodes"],
  ["n8n_list_catalog", { kind: "tags" }, '"name": "desert"'],
  ["n8n_executions", { action: "list" }, '"status": "success"'],
  ["n8n_evaluations", { action: "list_runs", workflowId: "w1" }, '"status": "completed"'],
  ["n8n_manage_datatable", { action: "listTables" }, '"name": "Deliveries"'],
  ["n8n_manage_folders", { action: "list", projectId: "p1" }, '"name": "Canyon"'],
];

/** Operations of tools that can be seen, which these tools refuse. */
const refused: readonly (readonly [string, Record<string, unknown>])[] = [
  ["n8n_executions", { action: "delete", id: "e1" }],
  ["n8n_evaluations", { action: "run", workflowId: "w1" }],
  ["n8n_manage_datatable", { action: "deleteTable", tableId: "d1" }],
  ["n8n_manage_folders", { action: "create", projectId: "p1", name: "x" }],
];

/** n8n's server with its own documentation, against an instance that is a program of ours. */
export const n8n: ServerProof = {
  options: () => ({ url: `http://${host}:5678`, allowPrivateAddresses: true }),
  secrets: { n8n: { apiKey } },

  prove(fleet) {
    let fake: Fake;
    beforeAll(async () => {
      fake = await startFake(fleet.stack, "n8n", "n8n-api.ts", host, apiKey);
    });
    afterAll(() => fake[Symbol.dispose]());

    test("offers what changes nothing", async () => {
      const client = await fleet.connect("v1 over Streamable HTTP", "n8n");
      const listed = (await client.listTools()).tools.map(({ name }) => name).sort();
      await client.close();
      expect(listed).toEqual(calls.map(([name]) => name).sort());
    });

    test.each(transports)("answers from its documentation and from the instance, over %s", async (name) => {
      const client = await fleet.connect(name, "n8n");
      for (const [tool, args, part] of calls) {
        const { text } = await callText(client, tool, args);
        expect({ tool, text }).toEqual({ tool, text: expect.stringContaining(part) });
      }
      await client.close();
    });

    test("changes nothing, whoever asks", async () => {
      const client = await fleet.connect("v1 over Streamable HTTP", "n8n");
      for (const [tool, args] of refused) {
        const { text, isError } = await callText(client, tool, args);
        expect({ tool, text, isError }).toEqual({
          tool,
          text: expect.stringContaining("OPERATION_DISABLED"),
          isError: true,
        });
      }
      const hidden = await callText(client, "n8n_delete_workflow", { id: "w1" });
      await client.close();
      expect(hidden).toEqual({ text: expect.stringContaining("TOOL_DISABLED"), isError: true });
      expect(fake.log()).toContain("GET /api/v1/workflows\n");
      expect(fake.log()).not.toMatch(/^(DELETE|PUT|PATCH)|^POST (?!\/api\/v1\/audit$)/m);
    });

    test("shows its key to nobody but the instance", async () => {
      expect(JSON.stringify(fleet.stack.inspect("n8n").Config.Labels)).not.toContain(apiKey);
      expect(logsOf(fleet.stack.container("n8n"))).toContain('"event":"listening"');
      expect(logsOf(fleet.stack.container("n8n"))).not.toContain(apiKey);
      expect(await fleet.stack.state()).not.toContain(apiKey);
    });
  },
};
