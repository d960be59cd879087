import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { contextDigest } from "./components/context-digest.ts";
import { buildImage } from "./components/images.ts";
import { McpServer } from "./components/mcp-server.ts";
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
const servers = plans.map((plan) => new McpServer(plan.name, { plan, bridge }));

export const contractVersion = contract.contractVersion;
export const endpoints = Object.fromEntries(servers.map(({ name, endpoints }) => [name, endpoints]));
export const containers = Object.fromEntries(plans.map(({ name, containerName }) => [name, containerName]));
export const tokens = pulumi.all(Object.fromEntries(servers.map(({ name, token }) => [name, token])));
export const litellmConfig = litellm.litellmConfig(plans, config.litellm);
export const litellmEnvironment = tokens.apply(litellm.litellmEnvironment);
