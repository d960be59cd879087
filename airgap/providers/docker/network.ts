/** `docker:index/network:Network` and the function `getNetwork`. */
import { setTimeout as sleep } from "node:timers/promises";
import type { NetworkInspectInfo } from "dockerode";
import type { Resource } from "../provider.ts";
import { importInputs, previewState, refreshInputs } from "../state.ts";
import { maps, type PropertyMap, stringMap, text } from "../values.ts";
import { engine, engineCall, findOrUndefined, isMissing } from "./client.ts";
import { labels } from "./container-to-engine.ts";
import { check, diff, type ResourceType, type Rules, record } from "./resource.ts";
import { network as fields } from "./tables.ts";

const TYPE: ResourceType = "docker:index/network:Network";
const RULES: Rules = { fields, autoNamed: true };
/** Containers that are being removed hold a network for a moment. */
const RELEASE_MS = 30_000;

/** Pure: inputs → what the engine is asked for. */
export function createOptions(inputs: PropertyMap): { [key: string]: unknown } & { Name: string } {
  const given: { [key: string]: unknown } & { Name: string } = {
    Name: text(inputs.name),
    CheckDuplicate: true,
    Labels: labels(inputs.labels),
    Internal: inputs.internal === true,
    Attachable: inputs.attachable === true,
    Ingress: inputs.ingress === true,
    EnableIPv6: inputs.ipv6 === true,
    Options: stringMap(inputs.options),
    IPAM: {
      Driver: text(inputs.ipamDriver) || "default",
      Options: stringMap(inputs.ipamOptions),
      Config: maps(inputs.ipamConfigs).map((config) => ({
        Subnet: text(config.subnet),
        IPRange: text(config.ipRange),
        Gateway: text(config.gateway),
        AuxiliaryAddresses: stringMap(config.auxAddress),
      })),
    },
  };
  if (inputs.driver) given.Driver = text(inputs.driver);
  return given;
}

interface Ipam {
  Subnet?: string;
  Gateway?: string;
  IPRange?: string;
  AuxiliaryAddresses?: Record<string, string>;
}

/** Pure: what the engine says → what the state records. */
export function observe(found: NetworkInspectInfo): PropertyMap {
  return {
    attachable: found.Attachable,
    driver: found.Driver,
    ingress: found.Ingress,
    internal: found.Internal,
    ipamConfigs: ((found.IPAM?.Config ?? []) as Ipam[]).map((config) => ({
      auxAddress: config.AuxiliaryAddresses ?? {},
      gateway: config.Gateway ?? "",
      ipRange: config.IPRange ?? "",
      subnet: config.Subnet ?? "",
    })),
    ipamDriver: found.IPAM?.Driver ?? "default",
    ipv6: found.EnableIPv6,
    labels: Object.entries(found.Labels ?? {}).map(([label, value]) => ({ label, value })),
    name: found.Name,
    options: found.Options ?? {},
    scope: found.Scope,
  };
}

const stateFrom = (inputs: PropertyMap, found: NetworkInspectInfo): PropertyMap =>
  record(TYPE, fields, found.Id, inputs, observe(found));

export const network: Resource = {
  async check(args) {
    return check(TYPE, RULES, args);
  },
  diff: (state, inputs) => diff(TYPE, RULES, state, inputs),
  preview: (inputs, state) => previewState(fields, inputs, state),

  async create(inputs) {
    const doing = `network ${text(inputs.name)} could not be created`;
    const created = await engineCall(() => engine().createNetwork(createOptions(inputs)), doing);
    return { id: created.id, state: stateFrom(inputs, await engineCall(() => created.inspect(), doing)) };
  },

  async read(id, state, inputs) {
    const found: NetworkInspectInfo | undefined = await findOrUndefined(() => engine().getNetwork(id).inspect());
    if (!found) return undefined;
    const imported = Object.keys(state).length === 0;
    const now = stateFrom(state, found);
    return {
      id: found.Id,
      state: now,
      inputs: imported ? importInputs(fields, now, ["name"]) : refreshInputs(fields, inputs, now),
    };
  },

  async delete(id, state, context) {
    const handle = engine().getNetwork(id);
    for (const deadline = Date.now() + RELEASE_MS; ; await sleep(500, undefined, { signal: context.signal })) {
      try {
        await handle.remove();
        return;
      } catch (error) {
        if (isMissing(error)) return;
        const busy = /has active endpoints/.test(String(error));
        if (!busy || Date.now() > deadline)
          await engineCall(() => Promise.reject(error), `network ${text(state.name)} could not be removed`);
        context.status("waiting for its containers to leave");
      }
    }
  },
};

/** `getNetwork({ name })`: a network that somebody else made. */
export async function getNetwork(args: PropertyMap): Promise<PropertyMap> {
  const name = text(args.name);
  const found: NetworkInspectInfo | undefined = await findOrUndefined(() => engine().getNetwork(name).inspect());
  if (!found) throw new Error(`there is no network ${name} on the Docker engine; create it or correct the name`);
  const { ipamConfigs, driver, internal, options, scope, name: found_name } = observe(found);
  return {
    driver: driver ?? "",
    id: found.Id,
    internal: internal ?? false,
    ipamConfigs: ipamConfigs ?? [],
    name: found_name ?? name,
    options: options ?? {},
    scope: scope ?? "",
  };
}
