import { readFileSync } from "node:fs";
import { McpServer } from "@modelcontextprotocol/server";
import type { HostedDefinition } from "../../bridge/src/host.ts";
import type { MonitoringConfig } from "./config.ts";
import { createMonitor } from "./monitor.ts";
import { tools } from "./tools/index.ts";

const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
  version: string;
};

/** Under the 3 s that the bridge gives a check, so that the log has the cause. */
const CHECK_TIMEOUT_MS = 2_500;

const INSTRUCTIONS =
  "Logs, metrics, alerts and health of this installation. Start with service_health or check_alerts; then search_logs and the metrics of what is ill. Times are UTC unless timeZone says otherwise.";

/** The whole server; nothing of it listens yet, and no backend has to be up. */
export function createApp(config: MonitoringConfig): HostedDefinition {
  const monitor = createMonitor(config);
  return {
    name: "monitoring",
    version,
    createServer: ({ log }) => {
      const server = new McpServer(
        { name: "monitoring", title: "Monitoring", version },
        { capabilities: { tools: {} }, instructions: INSTRUCTIONS },
      );
      for (const tool of tools) tool.register(server, monitor, log);
      return server;
    },
    health: {
      loki: () => monitor.loki.ready(CHECK_TIMEOUT_MS),
      netdata: () => monitor.netdata.version(CHECK_TIMEOUT_MS),
    },
  };
}
