import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { Backend } from "./components/backends/backend.ts";
import { planBackends } from "./components/backends/plan.ts";
import { contextDigest } from "./components/context-digest.ts";
import { Gateway } from "./components/gateway.ts";
import { planGateway } from "./components/gateway-plan.ts";
import { buildImage } from "./components/images.ts";
import { McpServer } from "./components/mcp-server.ts";
import { serverNetworks } from "./components/networks.ts";
import { planBridge, planServer } from "./components/plan.ts";
import { readConfig } from "./config.ts";
import * as contract from "./outputs/contract.ts";
import * as litellm from "./outputs/litellm.ts";

const root = import.meta.dirname;
const config = readConfig(root);
const context = { root, digest: (folder: string) => contextDigest(join(root, folder)) };

const bridgePlan = planBridge(config, context);
const bridge = buildImage("bridge-image", bridgePlan, {});

const plans = config.servers.map((server) => planServer(server, config, bridgePlan, context));
const networks = serverNetworks(plans);

const backendPlans = planBackends(plans, config, context);
const backends = backendPlans.map((plan) => new Backend(`${plan.name}-backend`, { plan, networks }));

const servers = plans.map((plan) => {
  const used = backends.filter(({ name }) => plan.backends.some(({ backend }) => backend === name));
  return new McpServer(plan.name, { plan, bridge, network: networks(plan.name), backends: used });
});

const gatewayPlan = planGateway(plans, config, context);
if (gatewayPlan) new Gateway("gateway", { plan: gatewayPlan, networks });

export const contractVersion = contract.contractVersion;
export const endpoints = Object.fromEntries(servers.map(({ name, endpoints }) => [name, endpoints]));
export const containers = Object.fromEntries(plans.map(({ name, containerName }) => [name, containerName]));
export const tokens = pulumi.all(Object.fromEntries(servers.map(({ name, token }) => [name, token])));
export const litellmConfig = litellm.litellmConfig(plans, config.litellm);
export const litellmEnvironment = tokens.apply(litellm.litellmEnvironment);
