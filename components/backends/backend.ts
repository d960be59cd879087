import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { replaceOnChanges } from "../container-args.ts";
import { buildImage } from "../images.ts";
import type { Networks } from "../networks.ts";
import { dataVolume } from "../volumes.ts";
import { backendNamed } from "./catalogue.ts";
import { backendContainerArgs } from "./container-args.ts";
import type { BackendName } from "./definition.ts";
import type { BackendPlan } from "./plan.ts";
import { bootstrapSql } from "./postgres-bootstrap.ts";
import { bootstrapSpec } from "./roles.ts";
import { scramVerifier } from "./scram.ts";

/** Arguments of {@link Backend}. */
export interface BackendArgs {
  readonly plan: BackendPlan;
  readonly networks: Networks;
  readonly transform?: { readonly container?: (args: docker.ContainerArgs) => docker.ContainerArgs };
}

/**
 * What servers keep their data in or read it from: run here, with its image, its volume and a hardened container; or
 * an existing one, set up for its clients where an administrator's role is given, else only referred to.
 */
export class Backend extends pulumi.ComponentResource {
  /** Name under which its clients find it. */
  readonly name: BackendName;
  readonly #clientEnvs: Readonly<Record<string, Readonly<Record<string, pulumi.Output<string>>>>>;

  constructor(name: string, args: BackendArgs, opts?: pulumi.ComponentResourceOptions) {
    super("mcp:index:Backend", name, {}, opts);
    const { plan, networks, transform = {} } = args;
    this.name = plan.name;
    const passwords = this.#passwords(plan);
    this.#clientEnvs = clientSecretEnvs(plan, passwords);
    if (plan.container) this.#run(plan.container, plan, passwords, networks, transform.container);
    this.registerOutputs({ clients: plan.clients.map(({ server }) => server) });
  }

  /** Secret environment variables of one of its clients. */
  secretEnvsOf(server: string): Readonly<Record<string, pulumi.Output<string>>> {
    return this.#clientEnvs[server] ?? {};
  }

  /** Password of each client's role, by server: made here, or given where roles are made by somebody else. */
  #passwords({ name, clients, bootstraps, secrets }: BackendPlan): Record<string, pulumi.Output<string>> {
    const pairs = clients.flatMap(({ server, use }) => {
      if (!("role" in use)) return [];
      const given = secrets[use.role];
      if (!bootstraps && given) return [[server, given] as const];
      const made = new random.RandomPassword(
        `${name}-backend-${server}-password`,
        // Another role is another password: what the one was let in with opens nothing for the other.
        { length: 48, special: false, keepers: { role: use.role } },
        { parent: this },
      );
      return [[server, pulumi.secret(made.result)] as const];
    });
    return Object.fromEntries(pairs);
  }

  #run(
    container: NonNullable<BackendPlan["container"]>,
    plan: BackendPlan,
    passwords: Readonly<Record<string, pulumi.Output<string>>>,
    networks: BackendArgs["networks"],
    transform = (args: docker.ContainerArgs) => args,
  ): void {
    const child = { parent: this };
    const name = `${plan.name}-backend`;
    const image = buildImage(`${name}-image`, container.image, child);
    const volume = container.volume && dataVolume(`${name}-data`, container.volume.name, plan.name, child);
    const joined = container.joinsClients ? plan.clients.map(({ server }) => networks(server).name) : [];
    new docker.Container(
      `${name}-container`,
      transform({
        ...backendContainerArgs(container, volume?.name),
        image: image.imageId,
        networksAdvanced: [
          ...joined.map((network) => ({ name: network, aliases: [plan.name] })),
          ...container.externalNetworks.map((network) => ({ name: network })),
        ],
        envs: backendEnvs(container.envs, plan, passwords),
      }),
      { ...child, replaceOnChanges, deleteBeforeReplace: true },
    );
  }
}

function clientSecretEnvs(
  { name, clients, secrets }: BackendPlan,
  passwords: Readonly<Record<string, pulumi.Output<string>>>,
): Record<string, Record<string, pulumi.Output<string>>> {
  const { clientSecrets = [] } = backendNamed(name);
  const presented = Object.fromEntries(
    clientSecrets.flatMap(({ key, env }) => (secrets[key] ? [[env, secrets[key]] as const] : [])),
  );
  return Object.fromEntries(
    clients.map(({ server }) => {
      const password = passwords[server];
      return [server, { ...presented, ...(password && { PGPASSWORD: password }) }];
    }),
  );
}

/**
 * A database backend is told what its clients need. It gets SCRAM verifiers, never passwords: nobody can go back from
 * one to 48 random characters, so they need no hiding, which would hide all other variables in every preview.
 */
function backendEnvs(
  envs: Readonly<Record<string, string>>,
  plan: BackendPlan,
  passwords: Readonly<Record<string, pulumi.Output<string>>>,
): pulumi.Input<string>[] {
  const plain = Object.entries(envs).map(([key, value]) => `${key}=${value}`);
  if (!plan.bootstraps) return plain;
  const sql = pulumi
    .all(passwords)
    .apply((known) =>
      bootstrapSql(
        bootstrapSpec(plan.clients, plan.managed, (server, role) => scramVerifier(role, known[server] ?? "")),
      ),
    );
  const admin = plan.secrets.adminPassword;
  return [
    ...plain,
    ...(admin ? [pulumi.interpolate`PGPASSWORD=${admin}`] : []),
    pulumi.interpolate`MCP_BOOTSTRAP_SQL=${pulumi.unsecret(sql)}`,
  ];
}
