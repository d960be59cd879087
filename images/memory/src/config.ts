import { z } from "zod";

/** Where the graph is kept. */
export type Storage =
  | {
      readonly kind: "postgres";
      readonly host: string;
      readonly port: number;
      readonly user: string;
      readonly password?: string | undefined;
      readonly database: string;
    }
  | { readonly kind: "embedded"; readonly folder: string };

export interface Config {
  readonly storage: Storage;
  readonly tenant: string;
  /** Connections to Postgres at once. */
  readonly connections: number;
  /** Milliseconds that one statement may take. */
  readonly statementTimeout: number;
}

const whole = (fallback: number, min: number, max: number) =>
  z
    .string()
    .default(String(fallback))
    .transform(Number)
    .pipe(z.int(`must be a whole number from ${min} to ${max}`).min(min).max(max));

const environment = z.object({
  PGHOST: z.string().optional(),
  PGPORT: whole(5432, 1, 65_535),
  PGUSER: z.string().optional(),
  PGPASSWORD: z.string().optional(),
  PGDATABASE: z.string().optional(),
  MCP_MEMORY_DATA: z.string().startsWith("/", "must be an absolute path").default("/data"),
  MCP_MEMORY_TENANT: z
    .string()
    .regex(/^[\w.-]{1,64}$/, "must be 1 to 64 letters, digits, `_`, `.` or `-`")
    .default("default"),
  MCP_MEMORY_CONNECTIONS: whole(8, 1, 100),
  MCP_MEMORY_STATEMENT_TIMEOUT_MS: whole(10_000, 100, 600_000),
});

/** What Postgres cannot be reached without. */
const NEEDED = ["PGUSER", "PGDATABASE"];

/** Reads the environment; every problem is reported at once. Variables that are empty count as not given. */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ""));
  const parsed = environment.safeParse(given);
  const missing = given.PGHOST === undefined ? [] : NEEDED.filter((name) => given[name] === undefined);
  if (!parsed.success || missing.length > 0) {
    const problems = [
      ...(parsed.error?.issues ?? []).map(({ path, message }) => `  - ${path.join(".")} ${message}`),
      ...missing.map((name) => `  - ${name} must be given with PGHOST; without PGHOST the graph is in MCP_MEMORY_DATA`),
    ];
    throw new Error(
      `mcp-memory: ${problems.length === 1 ? "1 problem" : `${problems.length} problems`}\n${problems.join("\n")}`,
    );
  }
  const {
    PGHOST: host,
    PGPORT: port,
    PGUSER: user = "",
    PGPASSWORD: password,
    PGDATABASE: database = "",
  } = parsed.data;
  return {
    storage:
      host === undefined
        ? { kind: "embedded", folder: parsed.data.MCP_MEMORY_DATA }
        : { kind: "postgres", host, port, user, password, database },
    tenant: parsed.data.MCP_MEMORY_TENANT,
    connections: parsed.data.MCP_MEMORY_CONNECTIONS,
    statementTimeout: parsed.data.MCP_MEMORY_STATEMENT_TIMEOUT_MS,
  };
}
