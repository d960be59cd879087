/** Whether the servers of a stack answer: each is asked for its `/health`, and the answer is put into words. */
import { setTimeout as sleep } from "node:timers/promises";
import type Docker from "dockerode";
import type { StackOutputs } from "../outputs/contract.ts";

/** What came back from a server. */
export interface HealthAnswer {
  /** HTTP status; undefined when there was no HTTP answer at all. */
  code: number | undefined;
  /** `status` of the answer's body, and those of its `checks` that are not well. */
  status: string | undefined;
  failing: string[];
  /** Why there was no answer. */
  fault: string | undefined;
}

/** One line of the table. */
export interface ServerStatus {
  server: string;
  ok: boolean;
  status: string;
  sse: string;
  http: string;
  published: boolean;
  container: string | undefined;
}

const ASK_MS = 5_000;
const ATTEMPTS = 6;

/** Says what an answer means. */
export function verdict(answer: HealthAnswer): { ok: boolean; status: string } {
  const { code, status, failing, fault } = answer;
  if (code === undefined) return { ok: false, status: `no answer: ${fault ?? "unknown"}` };
  if (code === 200) return { ok: true, status: status ?? "ok" };
  if (code === 401 || code === 403) return { ok: false, status: `refuses the stack's token (HTTP ${code})` };
  return { ok: false, status: [status ?? "not well", `(HTTP ${code})`, ...failing].join(" ") };
}

/** Reads the body of `/health`: `{status, checks: {<name>: {ok, detail}}}` (images/bridge/src/health.ts). */
export function readHealth(code: number, body: unknown): HealthAnswer {
  const { status, checks } = asObject(body);
  const failing = Object.entries(asObject(checks)).flatMap(([name, check]) => {
    const { ok, detail } = asObject(check);
    return ok === false ? [`${name}: ${detail ?? "not ok"}`] : [];
  });
  return { code, status: typeof status === "string" ? status : undefined, failing, fault: undefined };
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

/**
 * Asks every server of a stack; one that does not answer well at once is asked again, half a second later, for up to
 * `attempts` times in all.
 */
export async function askServers(
  outputs: Partial<StackOutputs>,
  docker: Docker,
  attempts = ATTEMPTS,
): Promise<ServerStatus[]> {
  const { endpoints = {}, tokens = {}, containers = {} } = outputs;
  return Promise.all(
    Object.entries(endpoints).map(async ([server, at]) => {
      const { sse, http } = at.host ?? at.internal;
      const published = at.host !== undefined;
      const asked = at.host && (await askHost(at.host.health, tokens[server], attempts));
      const container = containers[server];
      const found = asked ?? (await askContainer(docker, container));
      return { server, ...found, sse, http, published, container };
    }),
  );
}

async function askHost(
  url: string,
  token: string | undefined,
  attempts: number,
): Promise<{ ok: boolean; status: string }> {
  for (let attempt = 1; ; attempt++) {
    const found = verdict(await askOnce(url, token));
    if (found.ok || attempt === attempts) return found;
    await sleep(500);
  }
}

async function askOnce(url: string, token: string | undefined): Promise<HealthAnswer> {
  try {
    const headers: Record<string, string> = token === undefined ? {} : { Authorization: `Bearer ${token}` };
    const response = await fetch(url, { headers, signal: AbortSignal.timeout(ASK_MS) });
    const body = await response.json().catch(() => undefined);
    return readHealth(response.status, body);
  } catch (error) {
    const { name, cause } = error as Error & { cause?: { code?: string } };
    const fault =
      name === "TimeoutError" ? `none within ${ASK_MS / 1000} s` : (cause?.code ?? (error as Error).message);
    return { code: undefined, status: undefined, failing: [], fault };
  }
}

/** A server without a port on the host: the engine's own health check says how it is. */
async function askContainer(docker: Docker, container: string | undefined): Promise<{ ok: boolean; status: string }> {
  if (container === undefined) return { ok: false, status: "the stack names no container" };
  try {
    const { State } = await docker.getContainer(container).inspect();
    const status = State.Health?.Status ?? State.Status;
    return { ok: status === "healthy", status };
  } catch (error) {
    return { ok: false, status: `no container ${container}: ${(error as Error).message}` };
  }
}
