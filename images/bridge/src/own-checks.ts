import { HEALTH_TIMES, HealthCheck } from "./health-check.ts";
import type { Log } from "./log.ts";

/**
 * Questions that a hosted server answers about itself, by name: `{ database: () => sql("SELECT 1") }`. One that
 * rejects, or takes longer than 3 s, has failed; what it rejects with is logged, not shown.
 */
export type OwnChecks = Readonly<Record<string, () => unknown>>;

export function ownChecks(checks: OwnChecks, log: Log, times = HEALTH_TIMES): HealthCheck[] {
  return Object.entries(checks).map(([name, ask]) => {
    const answer = async (): Promise<void> => void (await ask());
    return new HealthCheck(
      {
        name,
        good: `${name} answers`,
        ask: async () => {
          const late = Promise.withResolvers<never>();
          const timer = setTimeout(() => late.reject(new Error(`no answer within ${times.ping} ms`)), times.ping);
          try {
            await Promise.race([answer(), late.promise]);
            return { kind: "ok" };
          } catch (error) {
            const reason = error instanceof Error ? error.message : String(error);
            log("warn", "health_check_failed", { check: name, reason });
            // /health needs no token: what a driver says may name hosts and users.
            return { kind: "failed", detail: `${name} does not answer; the log has the cause` };
          } finally {
            clearTimeout(timer);
          }
        },
      },
      log,
      times,
    );
  });
}
