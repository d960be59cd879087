import { describe, expect, test } from "vitest";
import { planBridge, planServer } from "../../components/plan.ts";
import { n8n } from "../../components/servers/n8n.ts";
import { configProblems } from "../../config/problems.ts";
import { parseConfig } from "../../config.ts";
import { context, world } from "./fixtures.ts";

const withN8n = world({ servers: [n8n] });
const url = "https://n8n.example.com";

function plan(options: object, secrets: object = { n8n: { apiKey: "k" } }) {
  const config = parseConfig({ servers: { n8n: options }, secrets }, withN8n);
  const [server] = config.servers;
  if (!server) throw new Error("n8n is not on");
  return planServer(server, config, planBridge(config, context), context);
}

describe("n8n", () => {
  test("without an instance needs no key, has no way out, and knows its documentation", () => {
    const { network, envs, secretEnvs, labels } = plan({}, {});
    expect(network.options).toEqual({ "com.docker.network.bridge.enable_ip_masquerade": "false" });
    expect(Object.keys(envs).filter((name) => !name.startsWith("MCP_"))).toEqual([]);
    expect(secretEnvs).toEqual({});
    expect(labels["com.mcp.tools"]).toBe("7");
  });

  test("is not given a key that nothing calls for", () => {
    expect(plan({}).secretEnvs).toEqual({});
  });

  test("reads an instance, and nothing else unless told to", () => {
    const { network, envs, secretEnvs, labels } = plan({ url });
    expect(network.options).toEqual({});
    expect(envs).toMatchObject({ N8N_API_URL: url, WEBHOOK_SECURITY_MODE: "strict" });
    expect(envs.DISABLED_TOOLS?.split(",")).toHaveLength(11);
    expect(envs.DISABLED_TOOL_OPERATIONS).toContain("n8n_executions:delete;");
    expect(Object.keys(secretEnvs)).toEqual(["N8N_API_KEY"]);
    expect(labels["com.mcp.tools"]).toBe("17");
  });

  test("changes an instance where told to, on a private address where told to", () => {
    const { envs, labels } = plan({ url, readOnly: false, allowPrivateAddresses: true });
    expect(envs.WEBHOOK_SECURITY_MODE).toBe("permissive");
    expect(envs).not.toHaveProperty("DISABLED_TOOLS");
    expect(envs).not.toHaveProperty("DISABLED_TOOL_OPERATIONS");
    expect(labels["com.mcp.tools"]).toBe("28");
  });

  test("an instance without a key is an error", () => {
    expect(configProblems({ servers: { n8n: { url } } }, withN8n)).toEqual([
      "mcp:secrets.n8n.apiKey is missing, and n8n cannot run without it; allowed: an API key from the instance's settings, n8n API; `pulumi config set --secret --path mcp:secrets.n8n.apiKey`, or set mcp:servers.n8n.enabled to false",
    ]);
  });

  test("an address that is none is refused", () => {
    expect(configProblems({ servers: { n8n: { url: "n8n.example.com" } } }, withN8n)).toEqual([
      'mcp:servers.n8n.url is "n8n.example.com"; allowed: an http or https URL; write it as https://n8n.example.com, without /api/v1',
    ]);
  });
});
