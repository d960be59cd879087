import { createHash } from "node:crypto";
import type * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { beforeEach, describe, expect, test, vi } from "vitest";
import type { ServerPlan } from "../../components/plan.ts";
import { planOf } from "./fixtures.ts";
import { recordResources, settled, unwrapped } from "./pulumi-mocks.ts";

const token = "t".repeat(48);
const digest = createHash("sha256").update(token).digest("hex");
const recorded = await recordResources(token);
// Imported after the mocks, or their resources would look for a real engine.
const { McpServer } = await import("../../components/mcp-server.ts");
const { serverNetworks } = await import("../../components/networks.ts");
const { buildImage } = await import("../../components/images.ts");

async function deploy(plan: ServerPlan, transform = {}) {
  const bridge = buildImage("bridge-image", { name: "mcp-bridge:1", context: "images/bridge", buildArgs: {} }, {});
  const network = serverNetworks([plan])(plan.name);
  const server = new McpServer(plan.name, { plan, bridge, network, transform });
  await vi.waitFor(() => expect(recorded.has(`${plan.name}-container`)).toBe(true));
  return server;
}

const inputsOf = (name: string) => recorded.get(name)?.inputs;

beforeEach(() => recorded.clear());

describe("McpServer", () => {
  test("makes one image, token and container, all its own children", async () => {
    const server = await deploy(planOf("filesystem"));
    expect(Object.fromEntries(recorded.entries().map(([name, { type }]) => [name, type]))).toEqual({
      "bridge-image": "docker:index/remoteImage:RemoteImage",
      filesystem: "mcp:index:McpServer",
      "filesystem-network": "docker:index/network:Network",
      "filesystem-token": "random:index/randomPassword:RandomPassword",
      "filesystem-image": "docker:index/remoteImage:RemoteImage",
      "filesystem-container": "docker:index/container:Container",
    });
    expect(await settled(server.urn)).toBe("urn:pulumi:test::mcp-infrastructure::mcp:index:McpServer::filesystem");
    expect(await settled(server.container.urn)).toBe(
      "urn:pulumi:test::mcp-infrastructure::mcp:index:McpServer$docker:index/container:Container::filesystem-container",
    );
  });

  test("gives the container exactly this", async () => {
    await deploy(planOf("filesystem"));
    expect(inputsOf("filesystem-container")).toEqual({
      name: "mcp-filesystem",
      image: "sha256:filesystem-image",
      command: ["/workspace"],
      envs: [
        "MCP_SERVER_NAME=filesystem",
        "MCP_ALLOWED_HOSTS=localhost,127.0.0.1,[::1],mcp-filesystem",
        "MCP_MAX_SESSIONS=32",
        "MCP_REQUEST_TIMEOUT=30s",
        "MCP_STRIP_CLIENT_CAPABILITIES=roots",
        `MCP_AUTH_TOKEN_SHA256=${digest}`,
      ],
      labels: [
        { label: "com.mcp.type", value: "filesystem" },
        { label: "com.mcp.tools", value: "14" },
      ],
      ports: [{ internal: 8080, external: 8501, ip: "127.0.0.1", protocol: "tcp" }],
      networksAdvanced: [{ name: "mcp-filesystem", aliases: ["mcp-filesystem"] }],
      mounts: [
        { type: "bind", source: "/project/work", target: "/workspace", readOnly: true },
        { type: "tmpfs", target: "/tmp", tmpfsOptions: { sizeBytes: 67108864, mode: 1023 } },
      ],
      healthcheck: {
        tests: ["CMD", "node", "/opt/mcp-bridge/bin/mcp-bridge.ts", "health"],
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
      user: "10001:10001",
      readOnly: true,
      init: true,
      capabilities: { drops: ["ALL"] },
      securityOpts: ["no-new-privileges"],
      memory: 1516,
      memorySwap: 1516,
      ulimits: [{ name: "nproc", soft: 560, hard: 560 }],
    });
  });

  test("builds its image on the bridge's, and its network without a way out", async () => {
    const plan = planOf("filesystem");
    await deploy(plan);
    expect(inputsOf("filesystem-image")).toEqual({
      name: plan.image.name,
      build: { context: "images/filesystem", buildArgs: plan.image.buildArgs },
      keepLocally: false,
      forceRemove: true,
    });
    expect(inputsOf("filesystem-network")).toEqual({
      name: "mcp-filesystem",
      driver: "bridge",
      options: { "com.docker.network.bridge.enable_ip_masquerade": "false" },
      labels: [{ label: "com.mcp.type", value: "filesystem" }],
    });
    expect(inputsOf("filesystem-token")).toEqual({ length: 48, special: false });
  });

  test("keeps the token secret and gives the container only its digest", async () => {
    const server = await deploy(planOf("fetch"));
    expect(await pulumi.isSecret(server.token)).toBe(true);
    expect(JSON.stringify(inputsOf("fetch-container"))).not.toContain(token);
  });

  test("passes a server's secrets as a secret", async () => {
    const raw = { servers: { vault: {} }, secrets: { vault: { token: "s3cret" } } };
    await deploy(planOf("vault", raw));
    const envs = inputsOf("vault-container")?.envs;
    expect(envs).not.toBeInstanceOf(Array);
    expect(unwrapped(envs)).toContain("VAULT_TOKEN=s3cret");
  });

  test("an unpublished server has no port", async () => {
    await deploy(planOf("fetch", { servers: { fetch: { publish: false } } }));
    expect(inputsOf("fetch-container")?.ports).toEqual([]);
  });

  test("lets a transform change any child's arguments", async () => {
    await deploy(planOf("fetch"), {
      image: (args: docker.RemoteImageArgs) => ({ ...args, keepLocally: true }),
      container: (args: docker.ContainerArgs) => ({ ...args, cpus: "0.5" }),
    });
    expect(inputsOf("fetch-image")?.keepLocally).toBe(true);
    expect(inputsOf("fetch-container")?.cpus).toBe("0.5");
    expect(inputsOf("fetch")).toEqual({});
  });
});
