import { describe, expect, test } from "vitest";
import { planBridge } from "../../components/plan.ts";
import { config, context, minimal, mounts, planOf } from "./fixtures.ts";

const { secretEnvs: _none, ...filesystem } = planOf("filesystem");

describe("planServer", () => {
  test("plans filesystem without a way out and without clients' roots", () => {
    expect(filesystem).toEqual({
      name: "filesystem",
      description: "Files of the folders that it is given",
      containerName: "mcp-filesystem",
      alias: "mcp-filesystem",
      image: {
        name: expect.stringMatching(/^mcp-filesystem:[0-9a-f]{12}$/),
        context: "images/filesystem",
        buildArgs: { BRIDGE_IMAGE: planBridge(config(), context).name },
      },
      network: {
        name: "mcp-filesystem",
        options: { "com.docker.network.bridge.enable_ip_masquerade": "false" },
      },
      user: "10001:10001",
      command: ["/workspace"],
      envs: {
        MCP_SERVER_NAME: "filesystem",
        MCP_ALLOWED_HOSTS: "localhost,127.0.0.1,[::1],mcp-filesystem",
        MCP_MAX_SESSIONS: "32",
        MCP_REQUEST_TIMEOUT: "30s",
        MCP_STRIP_CLIENT_CAPABILITIES: "roots",
      },
      labels: { "com.mcp.type": "filesystem", "com.mcp.tools": "14" },
      mounts: [{ source: "/project/work", target: "/workspace", readOnly: true }],
      volumes: [],
      tmpSize: 64,
      shmSize: undefined,
      seccomp: undefined,
      backends: [],
      externalNetworks: [],
      limits: { memory: 1516, processes: 560, maxSessions: 32 },
      healthInterval: "30s",
      published: { ip: "127.0.0.1", port: 8501 },
      asksOthers: false,
      tools: expect.arrayContaining(["read_text_file", "write_file"]),
      requestTimeout: 30,
    });
  });

  test("plans fetch on Python, with a way out, with its options as arguments", () => {
    const raw = { servers: { fetch: { allowPrivateAddresses: true, ignoreRobotsTxt: true, userAgent: "us/1" } } };
    const plan = planOf("fetch", raw);
    expect(plan.command).toEqual(["--allow-private-ips", "--ignore-robots-txt", "--user-agent=us/1"]);
    expect(plan.network).toEqual({ name: "mcp-fetch", options: {} });
    expect(plan.labels).toEqual({
      "com.mcp.type": "fetch",
      "com.mcp.tools": "1",
      "com.mcp.capability": "web-scraping",
    });
    expect(plan.image.buildArgs).toEqual({
      BRIDGE_IMAGE: planBridge(config(raw), context).name,
      PYTHON_IMAGE: "python:3.13-slim-trixie",
    });
    expect(planOf("fetch").command).toEqual([]);
  });

  test("takes the configuration's word on name, prefix, user, address and limits", () => {
    const plan = planOf("filesystem", {
      prefix: "mcp-staging-",
      bindAddress: "192.0.2.1",
      allowedHosts: ["mcp.example.org"],
      healthInterval: 5,
      servers: { filesystem: { mounts, user: "1000:100", memory: 152, processes: 64, port: 9000, maxSessions: 3 } },
    });
    expect(plan).toMatchObject({
      containerName: "mcp-staging-filesystem",
      alias: "mcp-filesystem",
      network: { name: "mcp-staging-filesystem" },
      user: "1000:100",
      limits: { memory: 152, processes: 64, maxSessions: 3 },
      healthInterval: "5s",
      published: { ip: "192.0.2.1", port: 9000 },
    });
    expect(plan.envs.MCP_ALLOWED_HOSTS).toBe(
      "localhost,127.0.0.1,[::1],mcp-filesystem,mcp-staging-filesystem,mcp.example.org",
    );
    expect(plan.envs.MCP_MAX_SESSIONS).toBe("3");
  });

  test("gives a way out, or takes it, where the configuration says so", () => {
    const options = (name: string, egress: string) =>
      planOf(name, { servers: { fetch: { egress }, filesystem: { mounts, egress } } }).network.options;
    expect(options("fetch", "none")).toEqual({ "com.docker.network.bridge.enable_ip_masquerade": "false" });
    expect(options("filesystem", "web")).toEqual({});
  });

  test("counts only the tools that are allowed", () => {
    const allowedTools = ["read_text_file", "list_directory"];
    const plan = planOf("filesystem", { servers: { filesystem: { mounts, allowedTools } } });
    expect(plan.labels["com.mcp.tools"]).toBe("2");
    expect(plan.tools).toEqual(allowedTools);
    expect(plan.envs.MCP_ALLOWED_TOOLS).toBe("read_text_file,list_directory");
  });

  test.each([
    [1, "1s"],
    [59, "59s"],
    [60, "1m0s"],
    [90, "1m30s"],
    [3600, "1h0m0s"],
  ])("writes %i seconds as the provider does", (healthInterval, text) => {
    expect(planOf("fetch", { ...minimal, healthInterval }).healthInterval).toBe(text);
  });

  test("a server that is not published has no port of the host", () => {
    expect(planOf("fetch", { servers: { fetch: { publish: false } } }).published).toBeUndefined();
  });

  test("some containers have a name of their own after the prefix", () => {
    const raw = { servers: { vault: {} }, secrets: { vault: { token: "t" } } };
    expect(planOf("vault", raw)).toMatchObject({ containerName: "mcp-vault-service", alias: "mcp-vault-service" });
  });
});

describe("an image's tag", () => {
  const tagOf = (server: string, changed?: string, raw: Record<string, unknown> = minimal) =>
    planOf(server, raw, { ...context, digest: (folder) => (folder === changed ? "changed" : folder) }).image.name;

  test("changes with the server's own files, the bridge's, and the base images, and with nothing else", () => {
    const before = tagOf("fetch");
    expect(tagOf("fetch", "images/filesystem")).toBe(before);
    expect(tagOf("fetch", undefined, { ...minimal, healthInterval: 7 })).toBe(before);
    expect(tagOf("fetch", "images/fetch")).not.toBe(before);
    expect(tagOf("fetch", "images/bridge")).not.toBe(before);
    expect(tagOf("fetch", undefined, { ...minimal, images: { python: "python:3.14" } })).not.toBe(before);
    expect(tagOf("fetch", undefined, { ...minimal, images: { node: "node:26" } })).not.toBe(before);
  });
});
