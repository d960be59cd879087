import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { deadUrl, FakeServer } from "./fixtures/fake-server.ts";
import { netdata, RECORDED, THEN } from "./fixtures/recorded.ts";
import { ToolClient } from "./fixtures/tools.ts";

const [FETCH, FILESYSTEM] = RECORDED.containers;
let backend: FakeServer;
let service: FakeServer;
let tools: ToolClient;

beforeAll(async () => {
  backend = await FakeServer.start(netdata);
  service = await FakeServer.start(() => ({ body: { status: "ok", instance: FETCH } }));
  tools = await ToolClient.connect({
    NETDATA_URL: backend.url,
    LOKI_URL: await deadUrl(),
    MCP_SERVICES: JSON.stringify({ fetch: service.url, gone: await deadUrl() }),
  });
});
afterAll(async () => {
  await Promise.all([tools[Symbol.asyncDispose](), backend.stop(), service.stop()]);
});

describe("get_system_metrics", () => {
  test("sums up a chart with its unit, and what is computed of it", async () => {
    const { data, isError, text } = await tools.call("get_system_metrics", {
      metrics: ["memory"],
      range: THEN,
      points: 2,
    });
    expect(isError).toBe(false);
    const [{ series, ...memory }] = data.metrics;
    expect(memory).toEqual({
      metric: "memory",
      chart: "system.ram",
      title: "System RAM (system.ram)",
      unit: "MiB",
      resolutionSeconds: 1,
    });
    expect(series.map(({ name }: { name: string }) => name)).toEqual([
      "used_percent",
      "free",
      "used",
      "cached",
      "buffers",
    ]);
    expect(series.slice(0, 3)).toEqual([
      {
        name: "used_percent",
        computed: true,
        unit: "%",
        last: 7.82412,
        avg: 7.68346,
        min: 7.55632,
        max: 7.82412,
        points: [7.6664, 7.70052],
      },
      { name: "free", last: 15443.5, avg: 15484.2, min: 15429.9, max: 15544.3, points: [15492.8, 15475.6] },
      { name: "used", last: 1886.05, avg: 1852.14, min: 1821.49, max: 1886.05, points: [1848.03, 1856.25] },
    ]);
    expect(text).toContain(`  used_percent: last ${series[0].last}, avg ${series[0].avg}, min ${series[0].min}`);
  });

  test("asks for the range that was meant, unaligned, and rates without their sign", async () => {
    backend.asked.length = 0;
    await tools.call("get_system_metrics", { metrics: ["network", "load"], range: THEN });
    const asked = backend.asked.filter(({ path }) => path === "/api/v1/data").map(({ params }) => params);
    const same = {
      after: String(RECORDED.at - 10),
      before: String(RECORDED.at),
      points: "10",
      group: "average",
      format: "json",
    };
    expect(asked).toEqual([
      { chart: "system.net", ...same, options: "seconds,unaligned,absolute" },
      // It is measured every 5 s.
      { chart: "system.load", ...same, points: "2", options: "seconds,unaligned" },
    ]);
  });

  test("asks for peaks on their own where an average would hide them", async () => {
    backend.asked.length = 0;
    const range = `${RECORDED.at - 3_600}/${RECORDED.at}`;
    const { data } = await tools.call("get_system_metrics", { metrics: ["cpu"], range });
    const groups = backend.asked.flatMap(({ params: { chart, group, points } }) =>
      chart ? [`${group} ${points}`] : [],
    );
    expect(groups.sort()).toEqual(["average 600", "max 1", "min 1"]);
    const [{ resolutionSeconds, series }] = data.metrics;
    expect(resolutionSeconds).toBe(6);
    const user = series.find(({ name }: { name: string }) => name === "user");
    // The recorded hour knew more than the ten seconds of averages.
    expect(user.max).toBeGreaterThan(Math.max(...user.points));
    expect(user.min).toBeLessThan(Math.min(...user.points));
  });

  test("reads every file system, and any chart by id or context", async () => {
    const { data } = await tools.call("get_system_metrics", {
      metrics: ["disk_space"],
      charts: ["system.ctxt"],
      range: THEN,
    });
    expect(data.metrics.map(({ metric, chart }: { metric: string; chart: string }) => [metric, chart])).toEqual([
      ["disk_space", "disk_space._dev_shm"],
      ["disk_space", "disk_space._"],
      ["system.ctxt", "system.ctxt"],
    ]);
    // Nothing is recorded of these two: what is empty is named.
    expect(data.notes).toEqual([
      "Netdata has no values of disk_space._dev_shm, system.ctxt in this range; it may not keep them that long",
    ]);
  });

  test("says what this Netdata does not have, and what else it may have been", async () => {
    const { data } = await tools.call("get_system_metrics", { metrics: ["cpu", "swap"], range: THEN });
    expect(data.notes).toEqual(["Netdata has nothing on swap of this host"]);
    const { text, isError } = await tools.call("get_system_metrics", { charts: ["system.cpus"], range: THEN });
    expect(isError).toBe(true);
    expect(text).toContain(
      'Netdata has no chart or context "system.cpus"; did you mean system.cpu, system.cpu_some_pressure, system.ctxt',
    );
  });
});

describe("get_container_metrics", () => {
  test("finds a server's container by its name, through what the server says of itself", async () => {
    for (const name of ["fetch", "mcp-fetch", FETCH, FETCH.slice(0, 5), `${FETCH}${"0".repeat(52)}`]) {
      const { data } = await tools.call("get_container_metrics", { containers: [name], range: THEN });
      expect(data.containers).toHaveLength(1);
      const [{ id, service, metrics }] = data.containers;
      expect([id, service]).toEqual([FETCH, "fetch"]);
      expect(metrics.map(({ chart }: { chart: string }) => chart)).toEqual([
        `cgroup_${FETCH}.cpu`,
        `cgroup_${FETCH}.mem_usage`,
        `cgroup_${FETCH}.mem_utilization`,
      ]);
      const ram = metrics[1].series.find(({ name }: { name: string }) => name === "ram");
      expect([metrics[1].unit, ram.last > 10 && ram.last < 1_000]).toEqual(["MiB", true]);
    }
  });

  test("shows all containers, those of this installation first, the others by id", async () => {
    const { data, text } = await tools.call("get_container_metrics", { metrics: ["memory"], range: THEN });
    expect(data.containers.map(({ id, service }: { id: string; service?: string }) => [id, service])).toEqual([
      [FETCH, "fetch"],
      [FILESYSTEM, undefined],
      ["process_api", undefined],
    ]);
    expect(data.others).toEqual([FILESYSTEM, "process_api"]);
    expect(data.notes).toEqual([
      "no container was found for gone: it is down, was started a moment ago, or its /health names no `instance` that Netdata knows",
    ]);
    expect(text).toContain(`fetch (${FETCH})\nmemory (cgroup_${FETCH}.mem_usage)\n  ram: last `);
  });

  test("leaves out what is over the limit, and says so", async () => {
    const { data } = await tools.call("get_container_metrics", { metrics: ["memory"], range: THEN, limit: 1 });
    expect(data.containers).toHaveLength(1);
    expect(data.notes).toContain("1 of 3 containers are shown; name them in `containers`, or raise `limit`");
  });

  test("does not make up a container that is gone or never was", async () => {
    const { text, isError } = await tools.call("get_container_metrics", { containers: ["memory"], range: THEN });
    expect(isError).toBe(true);
    expect(text).toBe(`Netdata has no container "memory" in this range; it has fetch, ${FILESYSTEM}, process_api`);
    const later = await tools.call("get_container_metrics", { range: "1m" });
    expect(later.data.containers).toEqual([]);
    expect(later.data.notes).toEqual(["Netdata sees no containers in this range; it needs /sys/fs/cgroup of the host"]);
  });
});

describe("check_alerts", () => {
  test("lists what is raised, and counts what is watched", async () => {
    const { data, text } = await tools.call("check_alerts", { logErrors: false });
    expect(data.counts).toEqual({ clear: 3, uninitialized: 2, undefined: 3, warning: 3 });
    expect(data.complete).toBe(true);
    expect(data.alerts).toHaveLength(3);
    expect(data.alerts.at(-1)).toEqual({
      name: "system_clock_sync_state",
      status: "warning",
      chart: "system.clock_sync_state",
      value: "0 synchronization state",
      since: "2026-11-23T22:06:25.000Z",
      info: "when set to 0, the system kernel believes the system clock is not properly synchronized to a reliable server",
    });
    expect(text).toMatch(
      /^3 alerts \(raised\); Netdata watches 3 clear, 2 uninitialized, 3 undefined, 3 warning\.\nWARNING /,
    );
  });

  test("names the server whose container it is about", async () => {
    const { data } = await tools.call("check_alerts", { status: "all", logErrors: false });
    expect(data.alerts).toHaveLength(11);
    expect(data.alerts.find(({ name }: { name: string }) => name === "cgroup_ram_in_use")).toMatchObject({
      status: "clear",
      chart: `cgroup_${FETCH}.mem_usage`,
      service: "fetch",
    });
    expect((await tools.call("check_alerts", { status: "critical", logErrors: false })).data.alerts).toEqual([]);
  });

  test("without Loki tells what Netdata says, and that it is not all", async () => {
    const { data, isError } = await tools.call("check_alerts");
    expect(isError).toBe(false);
    expect(data.alerts).toHaveLength(3);
    expect(data.complete).toBe(false);
    expect(data.logErrors).toBeUndefined();
    expect(data.notes).toEqual([expect.stringMatching(/^Loki at http:\S+ refuses connections/)]);
  });

  test("without either is an error that names both", async () => {
    await using blind = await ToolClient.connect({ NETDATA_URL: await deadUrl(), LOKI_URL: await deadUrl() });
    const { text, isError } = await blind.call("check_alerts");
    expect(isError).toBe(true);
    expect(text).toMatch(/^Netdata at \S+ refuses .*\nLoki at \S+ refuses /);
    expect((await blind.call("get_system_metrics")).text).toMatch(/^Netdata at \S+ refuses connections/);
    expect((await blind.call("get_container_metrics")).text).toMatch(/^Netdata at \S+ refuses connections/);
    expect(blind.logged.map(({ event, fields }) => [event, fields.tool, fields.fault])).toEqual([
      ["backend_failed", "get_system_metrics", "refused"],
      ["backend_failed", "get_container_metrics", "refused"],
    ]);
  });
});

test("the list of charts is fetched once for many who ask at the same time", async () => {
  await using others = await ToolClient.connect({ NETDATA_URL: backend.url });
  backend.asked.length = 0;
  await Promise.all(
    Array.from({ length: 5 }, () => others.call("get_system_metrics", { metrics: ["cpu"], range: THEN })),
  );
  expect(backend.asked.filter(({ path }) => path === "/api/v1/charts")).toHaveLength(1);
});
