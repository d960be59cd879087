import { beforeEach, describe, expect, test, vi } from "vitest";
import { planBackends } from "../../components/backends/plan.ts";
import { bootstrapSql } from "../../components/backends/postgres-bootstrap.ts";
import { bootstrapSpec } from "../../components/backends/roles.ts";
import { scramVerifier } from "../../components/backends/scram.ts";
import { planBridge, planServer } from "../../components/plan.ts";
import { config, context } from "./fixtures.ts";
import { recordResources, settled, unwrapped } from "./pulumi-mocks.ts";

const password = "p".repeat(48);
const recorded = await recordResources(password);
// Imported after the mocks, or their resources would look for a real engine.
const { Backend } = await import("../../components/backends/backend.ts");
const { McpServer } = await import("../../components/mcp-server.ts");
const { serverNetworks } = await import("../../components/networks.ts");
const { buildImage } = await import("../../components/images.ts");

const inputsOf = (name: string) => recorded.get(name)?.inputs;

/** Deploys the tests' server `ledger` with its backend, as `index.ts` does. */
async function deploy(raw: Record<string, unknown>) {
  const stack = config({ servers: { ledger: {} }, ...raw });
  const bridgePlan = planBridge(stack, context);
  const bridge = buildImage("bridge-image", bridgePlan, {});
  const plans = stack.servers.map((server) => planServer(server, stack, bridgePlan, context));
  const networks = serverNetworks(plans);
  const backendPlans = planBackends(plans, stack, context);
  const backends = backendPlans.map((plan) => new Backend(`${plan.name}-backend`, { plan, networks }));
  for (const plan of plans) new McpServer(plan.name, { plan, bridge, network: networks(plan.name), backends });
  await vi.waitFor(() => expect(recorded.has("ledger-container")).toBe(true));
  return { plan: backendPlans[0], backend: backends[0] };
}

const existing = { mode: "existing", host: "db.example", network: "postgres-net" };

beforeEach(() => recorded.clear());

describe("a managed database", () => {
  test("is an image, a volume, a password and a container, all its own children", async () => {
    const { backend } = await deploy({});
    expect(Object.fromEntries(recorded.entries().map(([name, { type }]) => [name, type]))).toMatchObject({
      "postgres-backend": "mcp:index:Backend",
      "postgres-backend-image": "docker:index/remoteImage:RemoteImage",
      "postgres-backend-data": "docker:index/volume:Volume",
      "postgres-backend-ledger-password": "random:index/randomPassword:RandomPassword",
      "postgres-backend-container": "docker:index/container:Container",
    });
    expect(backend && (await settled(backend.urn))).toBe(
      "urn:pulumi:test::mcp-infrastructure::mcp:index:Backend::postgres-backend",
    );
  });

  test("gets exactly this container", async () => {
    const { plan } = await deploy({});
    const { envs, ...inputs } = inputsOf("postgres-backend-container") ?? {};
    expect(inputs).toEqual({
      name: "mcp-backend-postgres",
      image: "sha256:postgres-backend-image",
      command: ["server"],
      labels: [
        { label: "com.mcp.type", value: "postgres" },
        { label: "com.mcp.role", value: "backend" },
      ],
      networksAdvanced: [{ name: "mcp-ledger", aliases: ["postgres"] }],
      mounts: [
        { type: "volume", source: "mcp-backend-postgres-data", target: "/var/lib/postgresql/data" },
        { type: "tmpfs", target: "/tmp", tmpfsOptions: { sizeBytes: 67108864, mode: 1023 } },
        { type: "tmpfs", target: "/var/run/postgresql", tmpfsOptions: { sizeBytes: 8388608, mode: 1023 } },
      ],
      healthcheck: {
        tests: ["CMD", "/opt/mcp-postgres/entrypoint.sh", "health"],
        interval: "30s",
        timeout: "10s",
        retries: 3,
        startPeriod: "30s",
      },
      wait: true,
      waitTimeout: 180,
      restart: "unless-stopped",
      stopTimeout: 60,
      destroyGraceSeconds: 60,
      logDriver: "json-file",
      logOpts: { "max-size": "10m", "max-file": "3", labels: "com.mcp.type,com.mcp.tools,com.mcp.capability" },
      user: "postgres",
      readOnly: true,
      init: true,
      capabilities: { drops: ["ALL"] },
      securityOpts: ["no-new-privileges"],
      memory: 512,
      memorySwap: 512,
      shmSize: 128,
      ulimits: [{ name: "nproc", soft: 512, hard: 512 }],
    });
    const spec = bootstrapSpec(plan?.clients ?? [], true, () => scramVerifier("ledger_user", password));
    expect(spec).toEqual({
      managed: true,
      roles: [
        {
          name: "ledger_user",
          verifier: scramVerifier("ledger_user", password),
          memberOf: ["pg_monitor"],
          settings: { statement_timeout: "30s" },
        },
      ],
      databases: [
        { name: "ledger_db", owner: "ledger_user", extensions: ["pg_trgm"], connect: ["ledger_user"] },
        { name: "shared", extensions: [], connect: ["ledger_user"] },
      ],
    });
    expect(envs).toContain(`MCP_BOOTSTRAP_SQL=${bootstrapSql(spec)}`);
  });

  test("keeps its volume when the stack goes", async () => {
    await deploy({});
    expect(inputsOf("postgres-backend-data")).toEqual({
      name: "mcp-backend-postgres-data",
      labels: [{ label: "com.mcp.type", value: "postgres" }],
    });
  });

  test("never holds its client's password, which the client gets as a secret", async () => {
    await deploy({});
    expect(JSON.stringify(inputsOf("postgres-backend-container"))).not.toContain(password);
    const envs = inputsOf("ledger-container")?.envs;
    expect(envs).not.toBeInstanceOf(Array);
    expect(unwrapped(envs)).toEqual(expect.arrayContaining(["PGUSER=ledger_user", `PGPASSWORD=${password}`]));
  });
});

describe("an existing database", () => {
  test("is set up from its own network, by the administrator's role", async () => {
    await deploy({
      backends: { postgres: { ...existing, adminUser: "admin" } },
      secrets: { postgres: { adminPassword: "s3cret" } },
    });
    expect(recorded.has("postgres-backend-data")).toBe(false);
    const { envs, ...inputs } = inputsOf("postgres-backend-container") ?? {};
    expect(inputs).toMatchObject({
      name: "mcp-bootstrap-postgres",
      command: ["bootstrap"],
      networksAdvanced: [{ name: "postgres-net" }],
      memory: 64,
    });
    expect(envs).not.toBeInstanceOf(Array);
    expect(unwrapped(envs)).toEqual(expect.arrayContaining(["PGHOST=db.example", "PGUSER=admin", "PGPASSWORD=s3cret"]));
    expect(inputsOf("ledger-container")?.networksAdvanced).toEqual([
      { name: "mcp-ledger", aliases: ["mcp-ledger"] },
      { name: "postgres-net" },
    ]);
  });

  test("that has all it needs is only referred to, with the password that was given", async () => {
    await deploy({ backends: { postgres: existing }, secrets: { postgres: { ledger_user: "g1ven" } } });
    expect([...recorded.keys()].filter((name) => name.startsWith("postgres-backend-"))).toEqual([]);
    expect(unwrapped(inputsOf("ledger-container")?.envs)).toContain("PGPASSWORD=g1ven");
  });
});

describe("a server's own volume", () => {
  test("is made, kept when the stack goes, and mounted", async () => {
    await deploy({});
    expect(inputsOf("ledger-data")).toEqual({
      name: "mcp-ledger-data",
      labels: [{ label: "com.mcp.type", value: "ledger" }],
    });
    expect(inputsOf("ledger-container")?.mounts).toEqual([
      { type: "volume", source: "mcp-ledger-data", target: "/data" },
      { type: "tmpfs", target: "/tmp", tmpfsOptions: { sizeBytes: 134217728, mode: 1023 } },
    ]);
  });
});
