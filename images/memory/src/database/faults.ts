import { DatabaseError } from "./database.ts";

/** SQLSTATE of an error that the database itself gave. */
export function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error) || !("severity" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** States in which the server answers but cannot serve: connection errors, shutdown, start, too many connections. */
const AWAY = /^(08|57P0|53300$)/;
/** States of a database that is not set up for this client: authentication, no such database, no right to connect. */
const REFUSED = /^(28|3D000$|42501$)/;

/** Whether the connection is of no more use. */
export function isLost(error: unknown): boolean {
  const state = sqlState(error);
  return state === undefined || AWAY.test(state);
}

/** What the log gets: never a message or detail of the database, which may quote what clients wrote. */
export function describe(error: unknown): Record<string, unknown> {
  const state = sqlState(error);
  if (state !== undefined) return { sqlState: state };
  if (!(error instanceof Error)) return {};
  const { code, message } = error as { code?: unknown; message: string };
  return { error: typeof code === "string" ? code : message };
}

const TRY_AGAIN = "Try again; if it stays that way, /health and the server's log say more";

/** Says what a client may know of an error: what it means for the call, and what to do. */
export function explain(error: unknown, { saving = false } = {}): DatabaseError {
  if (error instanceof DatabaseError) return error;
  const state = sqlState(error);
  const unavailable = isLost(error) || (state !== undefined && REFUSED.test(state));
  const fault = (message: string) => new DatabaseError(message, { unavailable, cause: error });
  if (saving && isLost(error)) {
    return fault("The database went away while the change was being saved; read the graph to see whether it was");
  }
  if (unavailable) {
    const what = isLost(error) ? "does not answer" : "does not let this server in";
    return fault(`The database of this memory ${what}; nothing was changed. ${TRY_AGAIN}`);
  }
  if (state === "57014")
    return fault("The database took too long and was stopped; nothing was changed. Ask for less at once");
  return fault(`The database of this memory failed (SQLSTATE ${state}); nothing was changed. ${TRY_AGAIN}`);
}
