import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { hardened, logging, replaceOnChanges, supervised, tmpfs } from "./container-args.ts";
import type { GatewayPlan } from "./gateway-plan.ts";
import { buildImage } from "./images.ts";
import type { Networks } from "./networks.ts";
import { gatewayName } from "./server-definition.ts";

/** Arguments of {@link Gateway}. */
export interface GatewayArgs {
  readonly plan: GatewayPlan;
  readonly networks: Networks;
  readonly transform?: { readonly container?: (args: docker.ContainerArgs) => docker.ContainerArgs };
}

/** MiB. */
const memory = 128;
const processes = 256;
const stopSeconds = 15;
const user = "10020:10020";

/** Traefik on the networks of all servers: the one container that more than one of them can reach. */
export class Gateway extends pulumi.ComponentResource {
  constructor(name: string, args: GatewayArgs, opts?: pulumi.ComponentResourceOptions) {
    super("mcp:index:Gateway", name, {}, opts);
    const { plan, networks, transform = {} } = args;
    const child = { parent: this };
    const image = buildImage(`${name}-image`, plan.image, child);
    const container: docker.ContainerArgs = {
      name: plan.containerName,
      image: image.imageId,
      envs: [`MCP_GATEWAY_ROUTES=${plan.routes}`],
      labels: [
        { label: "com.mcp.type", value: "gateway" },
        { label: "com.mcp.role", value: "gateway" },
      ],
      networksAdvanced: plan.servers.map((server) => ({ name: networks(server).name, aliases: [gatewayName] })),
      mounts: [tmpfs("/tmp", 16)],
      ...supervised({
        tests: ["CMD", "traefik", "healthcheck", "--entrypoints.ping.address=127.0.0.1:8082", "--ping.entrypoint=ping"],
        interval: plan.healthInterval,
        stopSeconds,
      }),
      ...hardened({ user, memory, processes }),
      ...logging,
    };
    new docker.Container(`${name}-container`, transform.container?.(container) ?? container, {
      ...child,
      replaceOnChanges,
      deleteBeforeReplace: true,
    });
    this.registerOutputs({});
  }
}
