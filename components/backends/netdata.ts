import { defineBackend } from "./definition.ts";

/** The metrics of the host and of its containers. */
export const netdata = defineBackend({
  name: "netdata",
  description: "Netdata",
  protocol: "http",
  port: 19999,
  context: "images/backends/netdata",
  baseImage: "netdata",
  user: "netdata",
  dataTarget: "/var/lib/netdata",
  mounts: [
    { source: "/proc", target: "/host/proc", writable: false },
    { source: "/sys", target: "/host/sys", writable: false },
  ],
  memory: 256,
  // A chart that is there was collected; that the port answers says less.
  healthcheck: ["CMD", "curl", "-fsS", "-o", "/dev/null", "http://127.0.0.1:19999/api/v1/chart?chart=system.cpu"],
  stopSeconds: 30,
  clientSecrets: [
    { key: "token", env: "NETDATA_TOKEN" },
    { key: "username", env: "NETDATA_USERNAME" },
    { key: "password", env: "NETDATA_PASSWORD" },
  ],
  options: {},
});
