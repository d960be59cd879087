import { createHash } from "node:crypto";
import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import type { ServerEndpoints } from "../outputs/contract.ts";
import { endpointsOf } from "../outputs/endpoints.ts";
import type { Backend } from "./backends/backend.ts";
import { containerArgs, replaceOnChanges } from "./container-args.ts";
import { buildImage } from "./images.ts";
import type { ServerPlan } from "./plan.ts";
import { dataVolume } from "./volumes.ts";

/** Changes the arguments of a child before it is made: the way out where a plan does not fit. */
export interface McpServerTransform {
  readonly image?: (args: docker.RemoteImageArgs) => docker.RemoteImageArgs;
  readonly container?: (args: docker.ContainerArgs) => docker.ContainerArgs;
}

/** Arguments of {@link McpServer}. */
export interface McpServerArgs {
  readonly plan: ServerPlan;
  /** The bridge's image, on which the server's is built. */
  readonly bridge: docker.RemoteImage;
  /** Its own network: see `networks.ts`. */
  readonly network: docker.Network;
  /** The backends that it uses. */
  readonly backends?: readonly Backend[];
  readonly transform?: McpServerTransform;
}

/** One MCP server: its image, its volumes, its token, and its hardened container, up once it is healthy. */
export class McpServer extends pulumi.ComponentResource {
  /** Name of the server. */
  readonly name: string;
  /** URLs of the server, by where the client is. */
  readonly endpoints: ServerEndpoints;
  /** The running container. */
  readonly container: docker.Container;
  /** Bearer token that clients present; secret. */
  readonly token: pulumi.Output<string>;

  constructor(name: string, args: McpServerArgs, opts?: pulumi.ComponentResourceOptions) {
    super("mcp:index:McpServer", name, {}, opts);
    const { plan, bridge, network, backends = [], transform = {} } = args;
    const child = { parent: this };

    const image = buildImage(`${name}-image`, plan.image, { ...child, dependsOn: [bridge] }, transform.image);
    const volumes = plan.volumes.map((volume) => dataVolume(`${name}-${volume.key}`, volume.name, plan.name, child));
    const token = new random.RandomPassword(`${name}-token`, { length: 48, special: false }, child);
    this.container = new docker.Container(
      `${name}-container`,
      through(
        {
          ...containerArgs(plan),
          image: image.imageId,
          networksAdvanced: [
            { name: network.name, aliases: [plan.alias] },
            ...plan.externalNetworks.map((name) => ({ name })),
          ],
          envs: containerEnvs(plan, backends, token.result),
        },
        transform.container,
      ),
      // A container's name and host port can be held by one container at a time.
      { ...child, replaceOnChanges, deleteBeforeReplace: true, dependsOn: [...backends, ...volumes] },
    );

    this.name = plan.name;
    this.endpoints = endpointsOf(plan);
    this.token = pulumi.secret(token.result);
    this.registerOutputs({ endpoints: this.endpoints, token: this.token });
  }
}

const through = <Args>(args: Args, transform: ((args: Args) => Args) | undefined): Args => transform?.(args) ?? args;

/**
 * The bridge gets a digest of the token, so that no container ever holds one. Nobody can go back from the digest of 48
 * random characters; kept as a secret, it would only hide all other variables in every preview.
 */
function containerEnvs(
  { name, envs, secretEnvs }: ServerPlan,
  backends: readonly Backend[],
  token: pulumi.Output<string>,
): pulumi.Input<string>[] {
  const plain = Object.entries(envs).map(([key, value]) => `${key}=${value}`);
  const secrets = Object.assign({}, secretEnvs, ...backends.map((backend) => backend.secretEnvsOf(name)));
  const secret = Object.entries<pulumi.Output<string>>(secrets).map(
    ([key, value]) => pulumi.interpolate`${key}=${value}`,
  );
  const digest = token.apply((text) => createHash("sha256").update(text).digest("hex"));
  return [...plain, ...secret, pulumi.interpolate`MCP_AUTH_TOKEN_SHA256=${pulumi.unsecret(digest)}`];
}
