import { Loki } from "./backends/loki.ts";
import { Netdata } from "./backends/netdata.ts";
import { Services } from "./backends/services.ts";
import type { MonitoringConfig } from "./config.ts";

/** Longest wait for one server's `/health`: it is there to answer at once. */
const SERVICE_TIMEOUT_MS = 5_000;

/** What the tools of all sessions share. */
export interface Monitor {
  readonly loki: Loki;
  readonly netdata: Netdata;
  readonly services: Services;
  readonly labels: MonitoringConfig["labels"];
}

export function createMonitor({ loki, netdata, services, labels, timeoutMs }: MonitoringConfig): Monitor {
  return {
    loki: new Loki(loki, timeoutMs),
    netdata: new Netdata(netdata, timeoutMs),
    services: new Services(services, Math.min(timeoutMs, SERVICE_TIMEOUT_MS)),
    labels,
  };
}
