import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { backendNamed } from "../../components/backends/catalogue.ts";
import type { BackendName } from "../../components/backends/definition.ts";
import { type BaseImageName, defaultBaseImages } from "../../config/schema.ts";
import { dockerQuietly } from "./stand-in-stack.ts";
import { docker, logsOf } from "./test-stack.ts";

// Both on a network that leads nowhere, as hardened as the stack's own. Netdata's container has curl, so it is also the
// client: nothing is published, and the host need not reach the network.
const prefix = `mcpt-lokinet-${randomBytes(3).toString("hex")}-`;
const network = `${prefix}net`;
const options: Partial<Record<BackendName, Record<string, unknown>>> = { loki: { retentionDays: 3 } };
const names = ["loki", "netdata"] as const;
const given: Partial<Record<BaseImageName, string>> = JSON.parse(process.env.MCP_BASE_IMAGES ?? "{}");

/** Builds a backend's image and starts it as its definition says. */
function start(name: BackendName): void {
  const { context, baseImage, user, dataTarget, mounts = [], memory, envs } = backendNamed(name);
  const folder = join(import.meta.dirname, "..", "..", context);
  const base = `BASE_IMAGE=${given[baseImage] ?? defaultBaseImages[baseImage]}`;
  docker("build", "--quiet", "--force-rm", "--build-arg", base, "--tag", `${prefix}${name}:test`, folder);
  docker(
    "run",
    "--detach",
    "--init",
    `--name=${prefix}${name}`,
    `--network=${network}`,
    `--network-alias=${name}`,
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    `--user=${user}`,
    `--memory=${memory}m`,
    `--memory-swap=${memory}m`,
    "--ulimit=nproc=512:512",
    "--tmpfs=/tmp:mode=1777,size=64m",
    `--volume=${prefix}${name}-data:${dataTarget}`,
    ...mounts.map(({ source, target }) => `--mount=type=bind,source=${source},target=${target},readonly`),
    ...Object.entries(envs?.(options[name] ?? {}, { memory }) ?? {}).map(([key, value]) => `--env=${key}=${value}`),
    `${prefix}${name}:test`,
  );
}

const exec = promisify(execFile);

/** Runs a command in a backend's container; its exit code and output. */
async function inside(name: BackendName, ...command: string[]): Promise<{ code: number; output: string }> {
  try {
    return { code: 0, output: (await exec("docker", ["exec", prefix + name, ...command])).stdout };
  } catch (error) {
    const { code, stdout } = error as { code: number; stdout: string };
    return { code, output: stdout };
  }
}

/** The health check of its definition. */
const isHealthy = async (name: BackendName) =>
  (await inside(name, ...backendNamed(name).healthcheck.slice(1))).code === 0;

async function until(what: string, condition: () => Promise<boolean>, seconds = 60): Promise<void> {
  for (const deadline = Date.now() + seconds * 1000; !(await condition()); await sleep(300))
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`);
}

const healthy = (name: BackendName) => until(`${name} is healthy\n${logsOf(prefix + name)}`, () => isHealthy(name));

/** Status and body of a backend's answer to a request from the network. */
async function ask(name: BackendName, path: string, ...curl: string[]): Promise<{ status: number; body: string }> {
  const url = `http://${name}:${backendNamed(name).port}${path}`;
  const { output } = await inside("netdata", "curl", "-sS", "-m", "10", "-w", "\n%{http_code}", ...curl, url);
  const at = output.lastIndexOf("\n");
  return { status: Number(output.slice(at + 1)), body: output.slice(0, at) };
}

const answerOf = async (name: BackendName, path: string) => JSON.parse((await ask(name, path)).body);

beforeAll(async () => {
  docker("network", "create", "--internal", network);
  for (const name of names) start(name);
  await Promise.all(names.map(healthy));
});

afterAll(() => {
  for (const name of names) dockerQuietly("rm", "--force", "--volumes", prefix + name);
  for (const name of names) dockerQuietly("volume", "rm", `${prefix}${name}-data`);
  dockerQuietly("network", "rm", network);
  // Its layers stay: they are the cache of the next build.
  for (const name of names) dockerQuietly("rmi", "--no-prune", `${prefix}${name}:test`);
});

test.each([
  ["loki", "10031"],
  ["netdata", "201"],
] as const)("%s runs as user %s", (name, uid) => {
  const processes = docker("top", prefix + name, "-eo", "pid,uid")
    .trim()
    .split("\n")
    .slice(1);
  const users = processes.map((line) => line.trim().split(/\s+/)[1]);
  expect([...new Set(users)]).toEqual([uid]);
});

describe("Loki", () => {
  const query = `/loki/api/v1/query_range?query=${encodeURIComponent('{mcp_type="memory"} |= "refused"')}`;
  const at = `${Date.now()}000000`;
  const lines = async () =>
    (await answerOf("loki", query)).data.result.map(({ stream, values }: { stream: object; values: object }) => ({
      stream,
      values,
    }));
  const found = [
    {
      stream: { mcp_type: "memory", container_name: "mcp-memory", detected_level: "error" },
      values: [[at, "level=error connection refused"]],
    },
  ];

  test("gives back a line that was pushed, with the shipper's labels and no other", async () => {
    const stream = { mcp_type: "memory", container_name: "mcp-memory" };
    const values = [
      [at, "level=error connection refused"],
      [at, "level=info connected"],
    ];
    const push = ["-H", "content-type: application/json", "-d", JSON.stringify({ streams: [{ stream, values }] })];
    expect(await ask("loki", "/loki/api/v1/push", ...push)).toEqual({ status: 204, body: "" });
    await until("the line is found", async () => (await lines()).length > 0);
    expect(await lines()).toEqual(found);
    expect((await answerOf("loki", "/loki/api/v1/labels")).data).toEqual(["container_name", "mcp_type"]);
  });

  test("keeps it over a restart", async () => {
    docker("restart", "--time=30", `${prefix}loki`);
    await healthy("loki");
    expect(await lines()).toEqual(found);
  });

  test("keeps lines as long as it is told, and reports to nobody", async () => {
    const { body } = await ask("loki", "/config");
    expect(body).toMatch(/^limits_config:\n(?: {2}.*\n)* {2}retention_period: 3d$/m);
    expect(body).toMatch(/^analytics:\n {2}reporting_enabled: false$/m);
    expect(logsOf(`${prefix}loki`)).not.toMatch(/grafana\.org|no such host|dial tcp (?!127\.0\.0\.1:)/);
  });

  test("is not healthy when its answer is not", async () => {
    const [, program = "", flag = ""] = backendNamed("loki").healthcheck;
    expect((await inside("loki", program, flag, "-health.url=http://127.0.0.1:3100/nothing")).code).toBe(1);
  });
});

describe("Netdata", () => {
  test("has charts of a container by its full id, with values", async () => {
    const id = docker("inspect", "--format={{.Id}}", `${prefix}loki`).trim();
    const chart = async () =>
      Object.keys((await answerOf("netdata", "/api/v1/charts")).charts).find(
        (name) => name.includes(id) && name.endsWith(".mem"),
      );
    await until("the container's charts are there", async () => (await chart()) !== undefined);
    expect(await chart()).toMatch(/^cgroup_/);
    const path = `/api/v1/data?chart=${await chart()}&after=-4&format=json`;
    await until("they have values", async () => {
      const { status, body } = await ask("netdata", path);
      // Until there is one, the answer is a text.
      if (status !== 200 || !body.startsWith("{")) return false;
      const { data } = JSON.parse(body) as { data: number[][] };
      return data.some(([, ...values]) => values.some((value) => value > 0));
    });
  });

  test("has charts of the host", async () => {
    const { charts } = await answerOf("netdata", "/api/v1/charts");
    const host = ["system.cpu", "system.ram", "system.load", "system.io", "disk_space._var_lib_netdata"];
    expect(host.filter((name) => charts[name] === undefined)).toEqual([]);
    const info = await answerOf("netdata", "/api/v1/info");
    expect(info).toMatchObject({ container: "docker", alarms: { critical: expect.any(Number) } });
  });

  test("shows nothing but its data", async () => {
    const paths = ["/", "/netdata.conf", "/api/v1/manage/health?cmd=LIST"];
    const statuses = await Promise.all(paths.map(async (path) => (await ask("netdata", path)).status));
    expect(statuses.filter((status) => status < 400)).toEqual([]);
  });

  test("is the same host after a restart, so its history goes on", async () => {
    const { uid } = await answerOf("netdata", "/api/v1/info");
    docker("restart", "--time=30", `${prefix}netdata`);
    await healthy("netdata");
    expect((await answerOf("netdata", "/api/v1/info")).uid).toBe(uid);
  });

  test("is not healthy when nothing was collected", async () => {
    const command = backendNamed("netdata").healthcheck.slice(1, -1);
    expect((await inside("netdata", ...command, "http://127.0.0.1:19999/api/v1/chart?chart=none")).code).toBe(22);
  });
});
