import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import type { ServerPlan } from "./plan.ts";

/** The network of each server, by its name: no two servers share one; the backends of a server join it. */
export type Networks = (server: string) => docker.Network;

/**
 * Makes a network for each server.
 *
 * @param transform changes their arguments first: the way out where they do not fit
 */
export function serverNetworks(
  plans: readonly ServerPlan[],
  transform: (args: docker.NetworkArgs) => docker.NetworkArgs = (args) => args,
): Networks {
  const networks = new Map(plans.map((plan) => [plan.name, serverNetwork(plan, transform)]));
  return (server) => {
    const network = networks.get(server);
    if (!network) throw new Error(`no network was made for server "${server}"; it is not on`);
    return network;
  };
}

const serverNetwork = ({ name, network }: ServerPlan, transform: (args: docker.NetworkArgs) => docker.NetworkArgs) =>
  new docker.Network(
    `${name}-network`,
    transform({
      name: network.name,
      driver: "bridge",
      options: { ...network.options },
      labels: [{ label: "com.mcp.type", value: name }],
    }),
    // Until version 0.1 a network was a child of its server.
    { aliases: [{ parent: pulumi.createUrn(name, "mcp:index:McpServer") }] },
  );
