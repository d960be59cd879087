import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Chart } from "../src/backends/netdata.ts";
import { Services } from "../src/backends/services.ts";
import { containersOf, isCalled } from "../src/metrics/containers.ts";
import { FakeServer } from "./fixtures/fake-server.ts";

const LONG = `0123456789ab${"c".repeat(52)}`;
const chart = (type: string): Chart => ({
  id: `${type}.cpu`,
  type,
  family: "cpu",
  context: "cgroup.cpu",
  title: "CPU",
  units: "percentage",
  last_entry: 0,
  update_every: 1,
});

let gateway: FakeServer;
let services: Services;
beforeAll(async () => {
  // Every server is behind the same host name.
  gateway = await FakeServer.start(({ pathname }) => ({
    body: { status: "ok", ...(pathname.startsWith("/memory/") && { instance: LONG.slice(0, 12) }) },
  }));
  services = new Services(
    new Map(["memory", "postgres", "fetch"].map((name) => [name, `${gateway.url}/${name}`])),
    1_000,
  );
});
afterAll(() => gateway.stop());

describe("a container of Netdata's", () => {
  test.each([
    // cgroups by cgroupfs and by systemd, without a name; names that a Netdata with the socket has found out.
    [`cgroup_docker_${LONG}`, LONG.slice(0, 12), "memory", true],
    [`cgroup_system.slice_docker-${LONG}.scope`, LONG.slice(0, 12), "memory", true],
    [`cgroup_${LONG.slice(0, 12)}`, LONG.slice(0, 12), "memory", true],
    [`cgroup_docker_${"d".repeat(64)}`, "dddddddddddd", undefined, true],
    ["cgroup_mcp-postgres-service", "mcp-postgres-service", "postgres", false],
    ["cgroup_mcp-fetch", "mcp-fetch", "fetch", false],
    ["cgroup_mcp-backend-postgres", "mcp-backend-postgres", undefined, false],
    ["cgroup_127.0.0.1", "127.0.0.1", undefined, false],
    [`cgroup_process_api_${"a".repeat(32)}`, `process_api_${"a".repeat(32)}`, undefined, false],
  ])("%s", async (type, id, service, hasId) => {
    const charts = [chart(type), { ...chart("system"), context: "system.cpu" }];
    expect(await containersOf(charts, services)).toEqual([{ id, service, hasId, charts: [charts[0]] }]);
  });

  test("is called by its server, its name or the beginning of its id, and by nothing else", async () => {
    const [memory] = await containersOf([chart(`cgroup_docker_${LONG}`)], services);
    if (memory === undefined) throw new Error("no container");
    const called = ["memory", "mcp-memory", "0123", LONG, "fetch", "127.0.0.1", "012", "123456789"].filter((name) =>
      isCalled(memory, name, services),
    );
    expect(called).toEqual(["memory", "mcp-memory", "0123", LONG]);
  });
});
