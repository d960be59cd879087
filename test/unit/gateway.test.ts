import { describe, expect, test, vi } from "vitest";
import { parse } from "yaml";
import { planGateway } from "../../components/gateway-plan.ts";
import { planBridge, planServer } from "../../components/plan.ts";
import { defineServer } from "../../components/server-definition.ts";
import { neededImages } from "../../config/needed-images.ts";
import { parseConfig } from "../../config.ts";
import { context, mounts, world } from "./fixtures.ts";
import { recordResources } from "./pulumi-mocks.ts";

const watcher = defineServer({
  name: "watcher",
  description: "A server that asks the others how they are",
  port: 8597,
  uid: 10097,
  session: { memory: 1, processes: 1 },
  egress: "none",
  asksOthers: true,
  baseImages: [],
  tools: ["watch"],
  options: {},
  specifics: () => ({}),
});

const recorded = await recordResources();
const { Gateway } = await import("../../components/gateway.ts");
const { serverNetworks } = await import("../../components/networks.ts");

function plansOf(servers: Record<string, unknown>) {
  const here = world({ servers: [...world().servers, watcher] });
  const config = parseConfig({ servers }, here);
  const bridge = planBridge(config, context);
  const plans = config.servers.map((server) => planServer(server, config, bridge, context));
  return { plans, gateway: planGateway(plans, config, context) };
}

const both = { filesystem: { mounts }, watcher: {} };

describe("the gateway", () => {
  test("is there only for a server that asks the others", () => {
    expect(plansOf({ filesystem: { mounts } }).gateway).toBeUndefined();
    expect(plansOf(both).gateway).toMatchObject({
      containerName: "mcp-gateway",
      image: { context: "images/gateway", buildArgs: { BASE_IMAGE: "traefik:v3.7.15" } },
      servers: ["filesystem", "watcher"],
    });
    expect(neededImages({ servers: both }, [watcher])).toEqual(["node", "traefik"]);
  });

  test("leads to each server's health and to nothing else", () => {
    expect(parse(plansOf(both).gateway?.routes ?? "")).toEqual({
      http: {
        routers: {
          "filesystem-health": {
            rule: "Path(`/filesystem/health`)",
            entryPoints: ["main"],
            service: "filesystem",
            middlewares: ["to-health"],
          },
          "watcher-health": {
            rule: "Path(`/watcher/health`)",
            entryPoints: ["main"],
            service: "watcher",
            middlewares: ["to-health"],
          },
        },
        services: {
          filesystem: { loadBalancer: { servers: [{ url: "http://mcp-filesystem:8080" }], passHostHeader: false } },
          watcher: { loadBalancer: { servers: [{ url: "http://mcp-watcher:8080" }], passHostHeader: false } },
        },
        middlewares: { "to-health": { replacePath: { path: "/health" } } },
      },
    });
  });

  test("is where that server, and no other, finds all of them", () => {
    const services = plansOf(both).plans.map(({ envs }) => envs.MCP_SERVICES);
    expect(services).toEqual([
      undefined,
      '{"filesystem":"http://mcp-gateway:8080/filesystem","watcher":"http://mcp-gateway:8080/watcher"}',
    ]);
  });

  test("joins every server's network, publishes nothing, and is as hardened as they are", async () => {
    const { plans, gateway } = plansOf(both);
    if (!gateway) throw new Error("no gateway was planned");
    new Gateway("gateway", { plan: gateway, networks: serverNetworks(plans) });
    await vi.waitFor(() => expect(recorded.has("gateway-container")).toBe(true));
    expect(recorded.get("gateway-container")?.inputs).toEqual({
      name: "mcp-gateway",
      image: "sha256:gateway-image",
      envs: [`MCP_GATEWAY_ROUTES=${gateway.routes}`],
      labels: [
        { label: "com.mcp.type", value: "gateway" },
        { label: "com.mcp.role", value: "gateway" },
      ],
      networksAdvanced: [
        { name: "mcp-filesystem", aliases: ["mcp-gateway"] },
        { name: "mcp-watcher", aliases: ["mcp-gateway"] },
      ],
      mounts: [{ type: "tmpfs", target: "/tmp", tmpfsOptions: { sizeBytes: 16777216, mode: 1023 } }],
      healthcheck: {
        tests: ["CMD", "traefik", "healthcheck", "--entrypoints.ping.address=127.0.0.1:8082", "--ping.entrypoint=ping"],
        interval: "30s",
        timeout: "10s",
        retries: 3,
        startPeriod: "30s",
      },
      wait: true,
      waitTimeout: 180,
      restart: "unless-stopped",
      stopTimeout: 15,
      destroyGraceSeconds: 15,
      logDriver: "json-file",
      logOpts: { "max-size": "10m", "max-file": "3", labels: "com.mcp.type,com.mcp.tools,com.mcp.capability" },
      user: "10020:10020",
      readOnly: true,
      init: true,
      capabilities: { drops: ["ALL"] },
      securityOpts: ["no-new-privileges"],
      memory: 128,
      memorySwap: 128,
      ulimits: [{ name: "nproc", soft: 256, hard: 256 }],
    });
  });
});
