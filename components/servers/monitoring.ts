import { z } from "zod";
import { field, wholeNumber } from "../../config/field.ts";
import { defineServer } from "../server-definition.ts";

const label = (of: string, usual: string) =>
  field(
    {
      description: `Label of the log streams in Loki that holds the name of ${of}.`,
      allowed: "letters, digits and `_`, first no digit",
      remedy: `leave it out for ${usual}, which the log shipper's configuration of this stack sets`,
    },
    z
      .string()
      .regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/)
      .default(usual),
  );

/** Searches logs and reads metrics, alerts and the health of the other servers; changes nothing. */
export const monitoring = defineServer({
  name: "monitoring",
  description: "Logs, metrics, alerts and health of this installation",
  port: 8503,
  uid: 10003,
  // One process for all: 60 MB with 32 idle sessions, 101 MB after all of them have called every tool at once.
  session: { memory: 2, processes: 1 },
  base: { memory: 128, processes: 16 },
  egress: "none",
  asksOthers: true,
  baseImages: [],
  tools: ["search_logs", "get_system_metrics", "get_container_metrics", "check_alerts", "service_health"],
  labels: { "com.mcp.datasources": "loki,netdata" },
  options: {
    serviceLabel: label("the MCP server", "mcp_type"),
    containerLabel: label("the container", "container_name"),
    backendTimeout: wholeNumber("Longest wait for one answer of Loki or Netdata.", "seconds", 1, 25).default(10),
  },
  specifics: ({ serviceLabel, containerLabel, backendTimeout }) => ({
    envs: {
      LOKI_SERVICE_LABEL: serviceLabel,
      LOKI_CONTAINER_LABEL: containerLabel,
      MONITORING_TIMEOUT_SECONDS: String(backendTimeout),
    },
    backends: [{ backend: "loki" }, { backend: "netdata" }],
  }),
});
