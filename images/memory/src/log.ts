import type { Log } from "../../bridge/src/host.ts";
import { createLog, LOG_LEVELS } from "../../bridge/src/log.ts";

/** A log like the bridge's, for what runs beside its sessions. Wrong levels are the bridge's to refuse. */
export function openLog(env: Readonly<Record<string, string | undefined>>): Log {
  const level = LOG_LEVELS.find((each) => each === env.MCP_LOG_LEVEL) ?? "info";
  return createLog({ server: env.MCP_SERVER_NAME ?? "memory", level });
}
