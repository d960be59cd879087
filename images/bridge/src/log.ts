import { createHash } from "node:crypto";

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Writes one event; fields never hold a payload, a token or a session's id (see `sessionTag`). */
export type Log = (level: LogLevel, event: string, fields?: Readonly<Record<string, unknown>>) => void;

/** One JSON object per line. On stderr, so that stdout stays free for what a command prints. */
export function createLog(options: {
  readonly server: string;
  readonly level: LogLevel;
  readonly write?: (line: string) => void;
}): Log {
  const { server, level: threshold, write = (line) => process.stderr.write(line) } = options;
  const lowest = LOG_LEVELS.indexOf(threshold);
  return (level, event, fields = {}) => {
    if (LOG_LEVELS.indexOf(level) < lowest) return;
    write(`${JSON.stringify({ time: new Date().toISOString(), level, event, server, ...fields })}\n`);
  };
}

/** Names a session in logs without giving away its id, which is a credential. */
export function sessionTag(id: string): string {
  return createHash("sha256").update(id).digest("hex").slice(0, 12);
}
