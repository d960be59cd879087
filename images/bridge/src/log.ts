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
    const line = JSON.stringify({ time: new Date().toISOString(), level, event, server, ...fields });
    write(`${line.replaceAll(LINE_ENDS, escaped)}\n`);
  };
}

/** What JSON leaves as it is, and some readers of lines, or terminals, take for more than a character. */
const LINE_ENDS = /[\x7f-\x9f\u2028\u2029]/g;

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** Names a session in logs without giving away its id, which is a credential. */
export function sessionTag(id: string): string {
  return createHash("sha256").update(id).digest("hex").slice(0, 12);
}
