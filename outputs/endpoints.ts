import { containerPort, type ServerPlan } from "../components/plan.ts";
import type { Endpoint, ServerEndpoints } from "./contract.ts";

const endpointAt = (origin: string): Endpoint => ({
  sse: `${origin}/sse`,
  http: `${origin}/mcp`,
  health: `${origin}/health`,
  metrics: `${origin}/metrics`,
});

/** An address as it stands in a URL; the host itself does not connect to "any address". */
function urlHost(ip: string): string {
  if (ip === "0.0.0.0") return "127.0.0.1";
  if (ip === "::") return "[::1]";
  return ip.includes(":") ? `[${ip}]` : ip;
}

/** Full URLs of one server, by where the client is. */
export const endpointsOf = ({ alias, published }: ServerPlan): ServerEndpoints => ({
  internal: endpointAt(`http://${alias}:${containerPort}`),
  ...(published && { host: endpointAt(`http://${urlHost(published.ip)}:${published.port}`) }),
});
