import { describe, expect, test } from "vitest";
import { planBackends } from "../../components/backends/plan.ts";
import { planBridge, planServer } from "../../components/plan.ts";
import { neededImages } from "../../config/needed-images.ts";
import { configProblems } from "../../config/problems.ts";
import { config, context, ledger, planOf, world } from "./fixtures.ts";

const managed = { servers: { ledger: {} } };
const existing = { mode: "existing", host: "db.example", network: "postgres-net", port: 6432 };

function backendsOf(raw: Record<string, unknown>) {
  const stack = config(raw);
  const bridge = planBridge(stack, context);
  const servers = stack.servers.map((server) => planServer(server, stack, bridge, context));
  return planBackends(servers, stack, context);
}

describe("a server with a managed database", () => {
  test("finds it on its own network, under the backend's name", () => {
    const plan = planOf("ledger", managed);
    expect(plan.envs).toMatchObject({
      PGHOST: "postgres",
      PGPORT: "5432",
      PGUSER: "ledger_user",
      PGDATABASE: "ledger_db",
    });
    expect(plan.externalNetworks).toEqual([]);
    expect(plan.network.options).toEqual({ "com.docker.network.bridge.enable_ip_masquerade": "false" });
  });

  test("has its volumes, sizes and limits", () => {
    const { volumes, tmpSize, shmSize, limits } = planOf("ledger", managed);
    expect(volumes).toEqual([{ key: "data", name: "mcp-ledger-data", target: "/data" }]);
    expect([tmpSize, shmSize]).toEqual([128, 256]);
    // The bridge's 64 MiB and 32 processes, the server's own 100 and 10, and nine times a session's 1 and 1.
    expect(limits).toEqual({ memory: 173, processes: 51, maxSessions: 8 });
  });

  test("makes that backend run, and no other", () => {
    expect(backendsOf({ servers: {} })).toEqual([]);
    const [postgres, ...others] = backendsOf(managed);
    expect(others).toEqual([]);
    expect(postgres).toMatchObject({
      name: "postgres",
      clients: [{ server: "ledger", use: { role: "ledger_user" } }],
      bootstraps: true,
      container: {
        name: "mcp-backend-postgres",
        image: { context: "images/backends/postgres", buildArgs: { BASE_IMAGE: "postgres:17-trixie" } },
        user: "postgres",
        volume: { name: "mcp-backend-postgres-data", target: "/var/lib/postgresql/data" },
        memory: 512,
        joinsClients: true,
        externalNetworks: [],
      },
    });
  });
});

describe("a server with an existing database", () => {
  const admin = {
    ...managed,
    backends: { postgres: { ...existing, adminUser: "admin" } },
    secrets: { postgres: { adminPassword: "s3cret" } },
  };
  const given = { ...managed, backends: { postgres: existing }, secrets: { postgres: { ledger_user: "s3cret" } } };

  test("joins its network and finds it there", () => {
    const plan = planOf("ledger", given);
    expect(plan.envs).toMatchObject({ PGHOST: "db.example", PGPORT: "6432" });
    expect(plan.externalNetworks).toEqual(["postgres-net"]);
  });

  test("has a way out where no network is named", () => {
    const raw = { ...given, backends: { postgres: { mode: "existing", host: "db.example" } } };
    expect(planOf("ledger", raw).network.options).toEqual({});
  });

  test("has it set up over the network by an administrator's role", () => {
    expect(backendsOf(admin)[0]).toMatchObject({
      bootstraps: true,
      container: {
        name: "mcp-bootstrap-postgres",
        command: ["bootstrap"],
        envs: { PGHOST: "db.example", PGPORT: "6432", PGUSER: "admin", PGDATABASE: "postgres" },
        volume: undefined,
        externalNetworks: ["postgres-net"],
        joinsClients: false,
      },
    });
  });

  test("runs nothing where roles and databases are there", () => {
    expect(backendsOf(given)[0]).toMatchObject({ bootstraps: false, container: undefined });
  });
});

describe("configProblems of backends", () => {
  const postgres = (options: object) => ({ ...managed, backends: { postgres: options } });
  test.each([
    [
      "an existing one that cannot be found",
      postgres({ mode: "existing", adminUser: "a" }),
      [
        "mcp:backends.postgres.host is missing, and an existing postgres cannot be found without it; allowed: a host name or an IP address; name it as its clients find it",
        "mcp:secrets.postgres.adminPassword is missing; allowed: the password of adminUser; `pulumi config set --secret --path mcp:secrets.postgres.adminPassword`",
      ],
    ],
    [
      "a role's password that nobody gave",
      postgres(existing),
      [
        "mcp:secrets.postgres.ledger_user is missing; allowed: the password of its role ledger_user; `pulumi config set --secret --path mcp:secrets.postgres.ledger_user`, or set mcp:backends.postgres.adminUser to a role that may create it",
      ],
    ],
    [
      "a key of the other mode",
      postgres({ network: "postgres-net" }),
      [
        'mcp:backends.postgres.network is "postgres-net", but postgres is managed by this stack; allowed: nothing; remove it, or set mcp:backends.postgres.mode to existing',
      ],
    ],
    [
      "a mode that there is not",
      postgres({ mode: "managd" }),
      ['mcp:backends.postgres.mode is "managd"; allowed: managed or existing; leave it out for managed'],
    ],
    ["an existing one that no server uses", { servers: {}, backends: { postgres: { mode: "existing" } } }, []],
  ])("%s", (_, raw, problems) => {
    expect(configProblems(raw, world())).toEqual(problems);
  });
});

test("the defaults that Pulumi.yaml fills in are as good as saying nothing", () => {
  const { backends } = config({});
  expect(configProblems({ ...managed, backends }, world())).toEqual([]);
});

describe("neededImages", () => {
  test.each([
    ["nothing", {}, ["node"]],
    ["a server with a managed backend", managed, ["node", "postgres"]],
    ["one that is off", { servers: { ledger: { enabled: false } } }, ["node"]],
    ["an existing backend", { ...managed, backends: { postgres: existing } }, ["node"]],
    [
      "one that is to be set up",
      { ...managed, backends: { postgres: { ...existing, adminUser: "a" } } },
      ["node", "postgres"],
    ],
    ["something unreadable", { servers: [1], backends: 7 }, ["node"]],
  ])("of %s", (_, raw, images) => {
    expect(neededImages(raw, [ledger])).toEqual(images);
  });
});
