/** Protocol revisions served by session, oldest first. 2024-10-07 and 2024-11-05 are what old servers answer. */
export const SESSION_VERSIONS: readonly string[] = [
  "2024-10-07",
  "2024-11-05",
  "2025-03-26",
  "2025-06-18",
  "2025-11-25",
];

/** What a client gets that asks for a revision nobody knows. */
export const LATEST_SESSION_VERSION = "2025-11-25";

/** First revision without sessions. */
export const SESSIONLESS_SINCE = "2026-07-28";

/** Revisions compare as text. Anything else (`v2`, an empty header) is none. */
export function isRevision(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text);
}

/** JSON-RPC batches: part of JSON-RPC, and so of MCP until 2025-06-18 took them out. */
export function allowsBatch(version: string): boolean {
  return version < "2025-06-18";
}

/** 2025-11-25, transports: streams begin with an event that has an id and empty data. */
export function primesStreams(version: string): boolean {
  return version >= "2025-11-25";
}
