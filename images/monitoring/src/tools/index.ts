import { checkAlerts } from "./check-alerts.ts";
import { getContainerMetrics } from "./get-container-metrics.ts";
import { getSystemMetrics } from "./get-system-metrics.ts";
import { searchLogs } from "./search-logs.ts";
import { serviceHealth } from "./service-health.ts";
import type { Tool } from "./tool.ts";

/** Every tool there is. */
export const tools: readonly Tool[] = [searchLogs, getSystemMetrics, getContainerMetrics, checkAlerts, serviceHealth];
