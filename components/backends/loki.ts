import { wholeNumber } from "../../config/field.ts";
import { defineBackend } from "./definition.ts";

/** The store of log lines. */
export const loki = defineBackend({
  name: "loki",
  description: "Grafana Loki",
  protocol: "http",
  port: 3100,
  context: "images/backends/loki",
  baseImage: "loki",
  user: "10031:10031",
  dataTarget: "/var/lib/loki",
  memory: 512,
  // The image has no shell and no curl; Loki asks itself.
  healthcheck: ["CMD", "/usr/bin/loki", "-health", "-health.url=http://127.0.0.1:3100/ready"],
  stopSeconds: 30,
  clientSecrets: [
    { key: "token", env: "LOKI_TOKEN" },
    { key: "username", env: "LOKI_USERNAME" },
    { key: "password", env: "LOKI_PASSWORD" },
    { key: "tenant", env: "LOKI_TENANT" },
  ],
  options: {
    retentionDays: wholeNumber("Managed: how long log lines are kept.", "days", 1, 365).default(7),
  },
  envs: ({ retentionDays }, { memory }) => ({
    LOKI_RETENTION: `${retentionDays * 24}h`,
    // Rather collect garbage than be killed at the limit.
    GOMEMLIMIT: `${Math.floor(memory * 0.8)}MiB`,
  }),
});
