import { stringify } from "yaml";
import type { ServerPlan } from "../components/plan.ts";
import { endpointsOf } from "./endpoints.ts";

/** How LiteLLM reaches the servers. */
export interface LitellmOptions {
  readonly transport: "http" | "sse";
  readonly reach: "internal" | "host";
}

/** Environment variable that carries a server's token to LiteLLM. */
const tokenVariable = (server: string) => `MCP_${server.toUpperCase()}_TOKEN`;

function endpointOf(plan: ServerPlan, reach: LitellmOptions["reach"]) {
  const { host, internal } = endpointsOf(plan);
  return reach === "host" ? (host ?? internal) : internal;
}

/**
 * The `mcp_servers` of a LiteLLM proxy, as YAML: the top-level mapping that it reads (1.106.2; what stands under
 * `litellm_settings` it ignores without a word). Names and keys are those that its loader takes; `allowed_tools` is
 * never empty, which would mean all tools.
 */
export function litellmConfig(plans: readonly ServerPlan[], { transport, reach }: LitellmOptions): string {
  const entries = plans.map((plan) => [
    plan.name,
    {
      url: endpointOf(plan, reach)[transport],
      transport,
      description: plan.description,
      auth_type: "bearer_token",
      auth_value: `os.environ/${tokenVariable(plan.name)}`,
      allowed_tools: plan.tools,
      timeout: plan.requestTimeout,
    },
  ]);
  return stringify({ mcp_servers: Object.fromEntries(entries) });
}

/** The environment that goes with it. */
export const litellmEnvironment = (tokens: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(tokens).map(([server, token]) => [tokenVariable(server), token]));
