import { describe, expect, test } from "vitest";
import { planBridge, planServer } from "../../components/plan.ts";
import { playwright } from "../../components/servers/playwright.ts";
import { configProblems } from "../../config/problems.ts";
import { parseConfig } from "../../config.ts";
import { context, world } from "./fixtures.ts";

const withPlaywright = world({ servers: [playwright] });

function planWith(options: object) {
  const config = parseConfig({ servers: { playwright: options } }, withPlaywright);
  const [server] = config.servers;
  if (!server) throw new Error("playwright is left out");
  return planServer(server, config, planBridge(config, context), context);
}

describe("playwright's plan", () => {
  test("plans playwright with a sandbox, a way out that is filtered, and room for few", () => {
    const plan = planWith({});
    expect(plan).toMatchObject({
      command: ["--viewport=1280x720"],
      network: { name: "mcp-playwright", options: {} },
      labels: { "com.mcp.type": "playwright", "com.mcp.tools": "24", "com.mcp.capability": "browser" },
      limits: { memory: 2624, processes: 832, maxSessions: 4 },
      tmpSize: 512,
    });
    expect(plan.envs).toMatchObject({
      MCP_DENIED_TOOLS: "browser_run_code_unsafe",
      MCP_STRIP_CLIENT_CAPABILITIES: "roots",
    });
    const { defaultAction, syscalls } = JSON.parse(plan.seccomp ?? "") as {
      defaultAction: string;
      syscalls: { names: string[]; action: string; args?: object[] }[];
    };
    expect(defaultAction).toBe("SCMP_ACT_ERRNO");
    const allowed = syscalls.filter(({ action }) => action === "SCMP_ACT_ALLOW");
    const named = (name: string) => allowed.filter(({ names }) => names.includes(name));
    for (const name of ["clone", "unshare", "chroot"]) expect(named(name), name).toHaveLength(1);
    for (const name of [
      "mount",
      "setns",
      "bpf",
      "keyctl",
      "ptrace",
      "io_uring_setup",
      "perf_event_open",
      "userfaultfd",
    ])
      expect(named(name), name).toEqual([]);
    // No sockets but local ones, those of the Internet, and the kernel's list of routes.
    expect(named("socket").map(({ args }) => args?.map((arg) => (arg as { value: number }).value))).toEqual([
      [1],
      [2],
      [10],
      [16, 0],
    ]);
  });

  test("gives playwright its options, and the unsafe tool only to those who ask for it", () => {
    const plan = planWith({
      allowedOrigins: ["https://example.com"],
      blockedOrigins: ["http://ads.example.com:*"],
      allowPrivateAddresses: true,
      capabilities: ["vision", "pdf"],
      viewport: "800x600",
      allowUnsafeCode: true,
      sandbox: false,
    });
    expect(plan.command).toEqual([
      "--allowed-origin=https://example.com",
      "--blocked-origin=http://ads.example.com:*",
      "--allow-private-addresses",
      "--capability=vision",
      "--capability=pdf",
      "--viewport=800x600",
      "--no-sandbox",
    ]);
    expect(plan.seccomp).toBeUndefined();
    expect(plan.envs).not.toHaveProperty("MCP_DENIED_TOOLS");
    expect(plan.tools).toHaveLength(24 + 6 + 1 + 1);
    expect(plan.tools).toEqual(expect.arrayContaining(["browser_run_code_unsafe", "browser_pdf_save"]));
  });
});

describe("playwright's configuration", () => {
  test.each(["example.com", "https://example.com/path", "ftp://example.com", "https://a*.example.com"])(
    "refuses %s as an origin",
    (origin) => {
      expect(configProblems({ servers: { playwright: { allowedOrigins: [origin] } } }, withPlaywright)).toEqual([
        expect.stringContaining(`mcp:servers.playwright.allowedOrigins[0] is "${origin}"`),
      ]);
    },
  );
});
