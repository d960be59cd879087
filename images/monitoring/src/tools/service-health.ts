import { z } from "zod";
import { BackendError, ToolError } from "../backends/backend-error.ts";
import { eachOf } from "../backends/gate.ts";
import type { Monitor } from "../monitor.ts";
import { type Answer, defineTool } from "./tool.ts";

const AT_ONCE = 8;
const BACKEND_TIMEOUT_MS = 5_000;

const input = z.strictObject({
  services: z
    .array(z.string().min(1).max(64))
    .min(1)
    .optional()
    .describe("Names of MCP servers, or loki, netdata. Default: all."),
});

const serviceSchema = z.object({
  name: z.string(),
  kind: z.enum(["mcp", "backend"]),
  status: z
    .string()
    .describe("ok; starting, failing or draining as a server says itself; unreachable or unready as seen from here."),
  url: z.string(),
  latencyMs: z.number(),
  version: z.string().optional(),
  instance: z.string().optional().describe("Short id of its container."),
  sessions: z.number().optional(),
  uptimeSeconds: z.number().optional(),
  checks: z.record(z.string(), z.object({ ok: z.boolean(), detail: z.string() })).optional(),
  error: z.string().optional(),
});
type Service = z.output<typeof serviceSchema>;

const output = z.object({
  status: z.enum(["ok", "degraded"]).describe("ok if all that were asked are."),
  checkedAt: z.string(),
  services: z.array(serviceSchema),
});

const BACKENDS = ["loki", "netdata"] as const;
type Backend = (typeof BACKENDS)[number];
const isBackend = (name: string): name is Backend => (BACKENDS as readonly string[]).includes(name);

/** What is found out about one of them, with the time that took. */
async function timed(
  about: Pick<Service, "name" | "kind" | "url">,
  ask: () => Promise<Omit<Service, "name" | "kind" | "url" | "latencyMs">>,
): Promise<Service> {
  const start = performance.now();
  const latency = () => Math.round((performance.now() - start) * 10) / 10;
  try {
    const found = await ask();
    return { ...about, latencyMs: latency(), ...found };
  } catch (error) {
    if (!(error instanceof BackendError)) throw error;
    // It answers, but not well: a Loki that has just started says 503. A proxy in front says so of one that is away.
    const away = error.fault !== "status" || error.status === 502 || error.status === 504;
    const status = away ? "unreachable" : "unready";
    return { ...about, latencyMs: latency(), status, error: error.message };
  }
}

function askBackend(name: Backend, { loki, netdata }: Monitor, signal: AbortSignal): Promise<Service> {
  if (name === "netdata") {
    return timed({ name, kind: "backend", url: netdata.url }, async () => ({
      version: await netdata.version(BACKEND_TIMEOUT_MS, signal),
      status: "ok",
    }));
  }
  return timed({ name, kind: "backend", url: loki.url }, async () => {
    await loki.ready(BACKEND_TIMEOUT_MS, signal);
    // A gateway may keep its version to itself: no reason to call it ill.
    const version = await loki.version(BACKEND_TIMEOUT_MS, signal).catch(() => undefined);
    return { status: "ok", ...(version !== undefined && { version }) };
  });
}

function askServer(name: string, { services }: Monitor, signal: AbortSignal): Promise<Service> {
  return timed({ name, kind: "mcp", url: services.url(name) ?? "" }, async () => {
    const { status, version, instance, sessions, uptimeSeconds, checks } = await services.health(name, signal);
    return {
      status,
      ...(version !== undefined && { version }),
      ...(instance !== undefined && { instance }),
      ...(sessions !== undefined && { sessions }),
      ...(uptimeSeconds !== undefined && { uptimeSeconds }),
      checks,
    };
  });
}

function line({ name, status, url, version, sessions, latencyMs, checks = {}, error }: Service): string {
  const facts = [
    ...(version === undefined ? [] : [`version ${version}`]),
    ...(sessions === undefined ? [] : [`${sessions} sessions`]),
    `${latencyMs} ms`,
  ];
  const bad = Object.entries(checks).filter(([, { ok }]) => !ok);
  const faults = [...bad.map(([check, { detail }]) => `${check}: ${detail}`), ...(error === undefined ? [] : [error])];
  return `${name}: ${status} at ${url} (${facts.join(", ")})${faults.map((it) => `\n  ${it}`).join("")}`;
}

/** How the servers of this installation and the backends of this one are. */
export const serviceHealth = defineTool({
  name: "service_health",
  title: "Service health",
  description:
    "Asks every MCP server of this installation, Loki and Netdata how they are: status, version, open sessions, latency, and what their own checks say.",
  input,
  output,
  run: async (args, context): Promise<Answer<z.output<typeof output>>> => {
    const known = [...context.services.names, ...BACKENDS];
    const unknown = (args.services ?? []).filter((name) => !known.includes(name));
    if (unknown.length > 0) {
      const names = unknown.map((name) => JSON.stringify(name)).join(", ");
      throw new ToolError(`\`services\` has ${names}, which this server does not know; it knows ${known.join(", ")}`);
    }
    const asked = args.services === undefined ? known : known.filter((name) => args.services?.includes(name));
    const services = await eachOf(asked, AT_ONCE, (name) =>
      isBackend(name) && !context.services.names.includes(name)
        ? askBackend(name, context, context.signal)
        : askServer(name, context, context.signal),
    );
    const ill = services.filter(({ status }) => status !== "ok").length;
    const head = ill === 0 ? `All ${services.length} are ok` : `${ill} of ${services.length} are not ok`;
    return {
      data: { status: ill === 0 ? "ok" : "degraded", checkedAt: new Date().toISOString(), services },
      text: [head, ...services.map(line)].join("\n"),
    };
  },
});
