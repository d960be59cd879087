/** An error whose text is written for the client: subject, fault, remedy. Anything else is translated first. */
export class ToolError extends Error {
  override readonly name = "ToolError";
}

/** Codes of Node and the driver, and SQLSTATEs, that mean: there is no database to talk to right now. */
const UNREACHABLE =
  /^(ECONNREFUSED|ECONNRESET|EPIPE|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|08\w{3}|57P0[1-5])$/;
/** What the driver says, without a code, when a connection is lost or was never made. */
const LOST = /^(Connection terminated|Client has encountered a connection error|read ECONN|getaddrinfo)/;

/** Remedies for what Postgres says, by SQLSTATE. Its own words come first: they name the subject. */
const REMEDIES: Readonly<Record<string, string>> = {
  "25006": "this tool only reads; changes need a tool that makes them",
  "3F000": "name a schema that exists",
  "42501": "ask whoever runs the database to grant this to the server's role, or leave that object out",
  "42601": "send one statement that Postgres can parse",
  "42703": "look at describe_hypertable for the columns",
  "42P01": "look at list_hypertables for the tables",
  "55P03": "somebody else holds the lock; try again later",
  "57014": "narrow the time range, use a wider bucket or a continuous aggregate, or raise `statementTimeout`",
};

const codeOf = (error: Error): string => ("code" in error && typeof error.code === "string" ? error.code : "");

/** True for faults of the connection, after which the same call may well work. */
export function isUnreachable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  // Node tries every address of a name, and throws all their errors in one.
  if (error instanceof AggregateError) return error.errors.every(isUnreachable);
  return UNREACHABLE.test(codeOf(error)) || LOST.test(error.message);
}

/** What a client may read of an error: nothing that a driver says of hosts and users, all that Postgres says of SQL. */
export function clientMessage(error: unknown): string {
  if (error instanceof ToolError) return error.message;
  if (!(error instanceof Error)) return "the server failed: it threw something that is no error; look into its log";
  if (isUnreachable(error)) {
    return "the database does not answer; every call tries anew, so call again once it is back (the log has the cause)";
  }
  const code = codeOf(error);
  if (/^timeout exceeded when trying to connect/.test(error.message)) {
    return "the database gave no connection in time: all are busy, or it does not answer; call again in a moment";
  }
  if (/^28/.test(code))
    return "the database refuses this server's login; whoever runs it must look at role and password";
  if (code === "3D000") return "the database of this server does not exist; whoever runs it must create it";
  if (code === "53300") return "the database has no connection left; call again in a moment";
  if (!/^[0-9A-Z]{5}$/.test(code)) return "the server failed; its log has the cause";
  const hint = "hint" in error && typeof error.hint === "string" ? ` (${error.hint})` : "";
  const remedy = REMEDIES[code];
  return `the database says: ${error.message}${hint} [${code}]${remedy === undefined ? "" : `; ${remedy}`}`;
}
