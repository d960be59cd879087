import { stringify } from "yaml";
import type { StackConfig } from "../config.ts";
import { containerPort, goDuration, type ImagePlan, type PlanContext, planImage, type ServerPlan } from "./plan.ts";

/** All facts of the gateway. */
export interface GatewayPlan {
  readonly containerName: string;
  readonly image: ImagePlan;
  /** Servers whose networks it joins. */
  readonly servers: readonly string[];
  /** Traefik's dynamic configuration, as YAML. */
  readonly routes: string;
  readonly healthInterval: string;
}

/**
 * Routes for `/<server>/health` of each server and nothing else: who may know how a server is need not be able to use
 * it. Rules that match exactly one path leave no way around them.
 */
function healthRoutes(servers: readonly Pick<ServerPlan, "name" | "alias">[]): string {
  const routers = servers.map(({ name }) => [
    `${name}-health`,
    { rule: `Path(\`/${name}/health\`)`, entryPoints: ["main"], service: name, middlewares: ["to-health"] },
  ]);
  const services = servers.map(({ name, alias }) => [
    name,
    // The server answers to its own name; whose name the client used is the gateway's business.
    { loadBalancer: { servers: [{ url: `http://${alias}:${containerPort}` }], passHostHeader: false } },
  ]);
  return stringify({
    http: {
      routers: Object.fromEntries(routers),
      services: Object.fromEntries(services),
      middlewares: { "to-health": { replacePath: { path: "/health" } } },
    },
  });
}

/** Plans the gateway, where a server asks the others how they are. */
export function planGateway(
  plans: readonly ServerPlan[],
  config: StackConfig,
  context: PlanContext,
): GatewayPlan | undefined {
  if (!plans.some(({ asksOthers }) => asksOthers)) return undefined;
  return {
    containerName: `${config.prefix}gateway`,
    image: planImage(config.prefix, "gateway", "images/gateway", { BASE_IMAGE: config.images.traefik }, context),
    servers: plans.map(({ name }) => name),
    routes: healthRoutes(plans),
    healthInterval: goDuration(config.healthInterval),
  };
}
