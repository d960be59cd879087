import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { TestClient } from "../clients.ts";
import { docker } from "../test-stack.ts";
import { type Fleet, type ServerProof, transports } from "./proof.ts";

interface Answer {
  readonly isError?: boolean;
  readonly content: readonly { readonly text: string }[];
  // biome-ignore lint/suspicious/noExplicitAny: what each tool gives, as its own tests know it
  readonly structuredContent: any;
}
const call = async (client: TestClient, name: string, args: Record<string, unknown> = {}) =>
  (await client.callTool({ name, arguments: args })) as Answer;

/** In every line of this run, and in no other. */
const mark = `proof-${randomBytes(6).toString("hex")}`;
const lines = [
  { level: "info", message: `${mark} came up` },
  { level: "error", message: `${mark} says "broken" (100%)` },
];

/** Ships lines as a log shipper does, from a container that is gone afterwards: Loki has no port on the host. */
function pushLines({ stack }: Fleet): void {
  const values = lines.map((line, index) => [`${Date.now()}${String(index).padStart(6, "0")}`, JSON.stringify(line)]);
  const body = { streams: [{ stream: { mcp_type: "proof", container_name: "mcp-proof" }, values }] };
  const script = `fetch("http://loki:3100/loki/api/v1/push", { method: "POST", headers: { "content-type": "application/json" }, body: process.argv[1] }).then(async (it) => { if (!it.ok) throw new Error(await it.text()); })`;
  const image = stack.inspect("monitoring").Image as string;
  const [network] = Object.keys(stack.inspect("monitoring").NetworkSettings.Networks);
  docker(
    ...["run", "--rm", "--name", `${stack.prefix}push`, "--network", network ?? "", "--entrypoint", "node"],
    ...[image, "-e", script, JSON.stringify(body)],
  );
}

/** Logs that were shipped are found, and the numbers of a container of this very stack are read by its name. */
export const monitoring: ServerProof = {
  options: () => ({}),
  prove(fleet) {
    describe.each(transports)("%s", (transport) => {
      test("finds what was logged, by simple arguments and by LogQL", async () => {
        pushLines(fleet);
        const client = await fleet.connect(transport, "monitoring");
        const all = await call(client, "search_logs", { service: "proof", text: mark, range: "10m", order: "oldest" });
        const errors = await call(client, "search_logs", {
          text: `${mark} says`,
          level: "error",
          range: "10m",
        });
        const counted = await call(client, "search_logs", {
          query: `sum by (mcp_type) (count_over_time({container_name="mcp-proof"} |= "${mark}" [10m]))`,
          range: "1m",
        });
        const wrong = await call(client, "search_logs", { query: '{mcp_type="proof"} |=' });
        const nobody = await call(client, "search_logs", { service: "nobody", range: "10m" });
        await client.close();
        const found = all.structuredContent.entries.map(({ line }: { line: string }) => JSON.parse(line));
        expect(found.slice(-2)).toEqual(lines);
        expect(errors.structuredContent.entries.map(({ line }: { line: string }) => JSON.parse(line).level)).toContain(
          "error",
        );
        expect(errors.structuredContent.entries.every(({ line }: { line: string }) => !line.includes("came up"))).toBe(
          true,
        );
        expect(counted.structuredContent.series[0]).toMatchObject({ name: "mcp_type=proof", last: found.length });
        expect([wrong.isError, wrong.content[0]?.text]).toEqual([
          true,
          expect.stringContaining("parse error at line 1"),
        ]);
        expect(nobody.structuredContent.notes).toEqual([expect.stringMatching(/there are lines of: .*proof/)]);
      });

      test("reads the host's metrics", async () => {
        const client = await fleet.connect(transport, "monitoring");
        const { structuredContent } = await call(client, "get_system_metrics", {
          metrics: ["cpu", "memory"],
          range: "1m",
        });
        await client.close();
        const [cpu, memory] = structuredContent.metrics;
        expect([cpu.chart, cpu.unit, cpu.series[0].name]).toEqual(["system.cpu", "percentage", "busy"]);
        expect(cpu.series[0].last).toBeGreaterThan(0);
        expect([memory.chart, memory.unit, memory.series[0].unit]).toEqual(["system.ram", "MiB", "%"]);
      });

      test("reads the metrics of every container of this stack by its server's name", async () => {
        const client = await fleet.connect(transport, "monitoring");
        const args = { containers: fleet.servers, metrics: ["memory"], range: "5m", points: 1 };
        const read = async () =>
          (await call(client, "get_container_metrics", args)).structuredContent?.containers ?? [];
        const used = (containers: readonly { metrics: { unit: string; series: { last: number | null }[] }[] }[]) =>
          containers.filter(({ metrics: [ram] }) => ram?.unit === "MiB" && (ram.series[0]?.last ?? 0) > 1).length;
        // Netdata looks for new containers now and then.
        const patience = { timeout: 60_000, interval: 2_000 };
        await expect.poll(async () => used(await read()), patience).toBe(fleet.servers.length);
        const containers = (await read()) as { id: string; service: string }[];
        await client.close();
        expect(containers.map(({ id, service }) => [service, id])).toEqual(
          fleet.servers.map((server) => [server, fleet.stack.inspect(server).Id.slice(0, 12)]),
        );
      });

      test("tells of alerts, of errors in the logs, and how all are", async () => {
        const client = await fleet.connect(transport, "monitoring");
        const alerts = await call(client, "check_alerts", { range: "10m" });
        const health = await call(client, "service_health");
        await client.close();
        expect(alerts.structuredContent.complete).toBe(true);
        expect(alerts.structuredContent.counts.clear).toBeGreaterThan(0);
        expect(alerts.structuredContent.logErrors).toContainEqual({ service: "proof", lines: expect.any(Number) });
        const states = health.structuredContent.services.map(({ name, status }: Record<string, string>) => [
          name,
          status,
        ]);
        const all = ["loki", "netdata", ...fleet.servers].sort();
        expect(states.sort()).toEqual(all.map((name) => [name, "ok"]));
      });
    });
  },
};
