import { z } from "zod";

const whole = (least: number, most: number, fallback: number) =>
  z.coerce.number().int().min(least).max(most).default(fallback);

const schema = z.object({
  PGHOST: z.string().min(1),
  PGPORT: whole(1, 65_535, 5432),
  PGUSER: z.string().min(1),
  PGPASSWORD: z.string().min(1),
  PGDATABASE: z.string().min(1),
  TIMESCALEDB_WRITABLE: z.enum(["true", "false"]).default("false"),
  TIMESCALEDB_STATEMENT_TIMEOUT: whole(1, 3_600, 20),
  TIMESCALEDB_MAX_ROWS: whole(1, 10_000, 1_000),
  TIMESCALEDB_MAX_RESULT_KIB: whole(16, 4_096, 256),
});

/** What the environment says, in terms of this server. */
export interface Config {
  readonly connection: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly password: string;
    readonly database: string;
  };
  /** Offer the tools that change something. */
  readonly writable: boolean;
  readonly statementTimeoutMs: number;
  readonly maxRows: number;
  readonly maxResultBytes: number;
}

/**
 * Reads the environment.
 * @throws Error that lists every variable that is missing or wrong; never a value, which may be a password.
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const { success, data, error } = schema.safeParse(env);
  if (!success) {
    const problems = error.issues.map(({ path, message }) => {
      const name = path.join(".");
      return `  ${name} ${env[name] === undefined ? "is not set" : `is wrong: ${message}`}`;
    });
    throw new Error(["the environment does not say how to reach the database:", ...problems].join("\n"));
  }
  return {
    connection: {
      host: data.PGHOST,
      port: data.PGPORT,
      user: data.PGUSER,
      password: data.PGPASSWORD,
      database: data.PGDATABASE,
    },
    writable: data.TIMESCALEDB_WRITABLE === "true",
    statementTimeoutMs: data.TIMESCALEDB_STATEMENT_TIMEOUT * 1_000,
    maxRows: data.TIMESCALEDB_MAX_ROWS,
    maxResultBytes: data.TIMESCALEDB_MAX_RESULT_KIB * 1_024,
  };
}
