/** `docker:index/remoteImage:RemoteImage`: an image pulled, or built with the `build` block. */
import { join } from "node:path";
import type { ImageInspectInfo } from "dockerode";
import type { Difference } from "../diff.ts";
import type { Context, Resource } from "../provider.ts";
import { previewState, refreshInputs } from "../state.ts";
import { isEmpty, isMap, map, maps, number, type PropertyMap, stringMap, strings, text } from "../values.ts";
import { type BuildRequest, build } from "./build.ts";
import { engine, engineCall, isMissing } from "./client.ts";
import { bytes } from "./container-to-engine.ts";
import { ensureImage, inspectImage, repoDigest } from "./pull.ts";
import { check, diff, type ResourceType, type Rules, record } from "./resource.ts";
import { remoteImage as fields } from "./tables.ts";

const TYPE: ResourceType = "docker:index/remoteImage:RemoteImage";
const RULES: Rules = {
  fields,
  conflicts: (inputs) =>
    inputs.build && inputs.pullTriggers
      ? [{ property: "pullTriggers", reason: "conflicts with `build`; use `triggers`" }]
      : [],
};

/** Pure: the `build` block → the engine's build call. */
export function buildRequest(name: string, block: PropertyMap): BuildRequest {
  const context = text(block.context);
  const set = (options: { [key: string]: unknown }) =>
    Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined && value !== ""));
  const extraTags = strings(block.tags);
  return {
    name,
    context,
    dockerfile: join(context, text(block.dockerfile) || "Dockerfile"),
    options: set({
      ...(extraTags.length > 0 ? { t: [name, ...extraTags] } : {}),
      buildargs: stringMap(block.buildArgs),
      labels: { ...stringMap(block.label), ...stringMap(block.labels) },
      cachefrom: strings(block.cacheFroms).length > 0 ? JSON.stringify(strings(block.cacheFroms)) : undefined,
      extrahosts: strings(block.extraHosts).join(" "),
      target: text(block.target),
      platform: text(block.platform),
      networkmode: text(block.networkMode),
      cgroupparent: text(block.cgroupParent),
      isolation: text(block.isolation),
      remote: text(block.remoteContext),
      cpusetcpus: text(block.cpuSetCpus),
      cpusetmems: text(block.cpuSetMems),
      cpushares: number(block.cpuShares) || undefined,
      cpuperiod: number(block.cpuPeriod) || undefined,
      cpuquota: number(block.cpuQuota) || undefined,
      memory: bytes(block.memory),
      memswap: bytes(block.memorySwap),
      shmsize: bytes(block.shmSize),
      ulimits: maps(block.ulimits).length > 0 ? JSON.stringify(limits(block)) : undefined,
      rm: block.remove !== false,
      nocache: block.noCache === true || undefined,
      pull: block.pullParent === true || undefined,
      squash: block.squash === true || undefined,
      q: block.suppressOutput === true || undefined,
    }),
  };
}

const limits = (block: PropertyMap) =>
  maps(block.ulimits).map((limit) => ({
    Name: text(limit.name),
    Soft: number(limit.soft),
    Hard: number(limit.hard),
  }));

/**
 * When anything else replaces the image, the official provider plans the whole `build` block anew and then counts
 * each of its inputs that the state holds as null as added.
 */
function replannedBuild(state: PropertyMap, inputs: PropertyMap, differences: Difference[]): Difference[] {
  const block = state.build;
  const given = inputs.build;
  if (!differences.some(({ replace }) => replace) || !isMap(block) || !isMap(given)) return [];
  const buildFields = fields.build?.fields ?? {};
  return Object.keys(buildFields)
    .filter((name) => block[name] === null && isEmpty(given[name]))
    .map((name): Difference => ({ path: `build.${name}`, kind: "add", replace: !buildFields[name]?.updates }));
}

const stateFrom = (inputs: PropertyMap, found: ImageInspectInfo): PropertyMap =>
  record(TYPE, fields, idOf(inputs, found), inputs, { imageId: found.Id, repoDigest: repoDigest(found) });

/** The name is part of the id, as with the official provider. */
const idOf = (inputs: PropertyMap, found: ImageInspectInfo) => `${found.Id}${text(inputs.name)}`;

async function obtain(inputs: PropertyMap, context: Context): Promise<ImageInspectInfo> {
  const name = text(inputs.name);
  if (inputs.build) await build(buildRequest(name, map(inputs.build)), context);
  return await ensureImage(name, context, text(inputs.platform));
}

export const remoteImage: Resource = {
  async check(args) {
    return check(TYPE, RULES, args);
  },

  diff(state, inputs) {
    // The block replaces by its parts, though the official table lists it as updated.
    const { build: block, ...rest } = inputs;
    const blockOnly = diff(TYPE, { fields: { build: fields.build ?? { kind: "object" } } }, state, {
      build: block ?? null,
    });
    const parts = blockOnly.differences.map((one) => ({ ...one, replace: !/^build\.label(\.|\[|$)/.test(one.path) }));
    const { build: _, ...others } = fields;
    const differences = [...parts, ...diff(TYPE, { fields: others }, state, rest).differences];
    return { differences: [...differences, ...replannedBuild(state, inputs, differences)] };
  },

  preview: (inputs, state) => previewState(fields, inputs, state),

  async create(inputs, context) {
    const found = await obtain(inputs, context);
    return { id: idOf(inputs, found), state: stateFrom(inputs, found) };
  },

  async read(_id, state, inputs) {
    const name = text(state.name);
    if (!name) throw new Error("a RemoteImage cannot be imported; the official provider cannot do it either");
    const found = await inspectImage(name);
    if (!found) return undefined;
    return {
      id: idOf(state, found),
      state: stateFrom(state, found),
      inputs: refreshInputs(fields, inputs, state),
    };
  },

  async update(_id, _state, inputs, context) {
    const name = text(inputs.name);
    return stateFrom(inputs, await ensureImage(name, context, text(inputs.platform)));
  },

  async delete(_id, state) {
    if (state.keepLocally === true) return;
    const name = text(state.name);
    await engineCall(async () => {
      try {
        // By name, as the official provider does it: what is removed is what the name means now. The nameless layers
        // below it stay, since the engine's own builder finds its cache in them.
        await engine()
          .getImage(name)
          .remove({ force: state.forceRemove === true, noprune: true });
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    }, `image ${name} could not be removed`);
  },
};

/** `getRemoteImage({ name })`: an image that is on the engine already. */
export async function getRemoteImage(args: PropertyMap): Promise<PropertyMap> {
  const name = text(args.name);
  const found = await inspectImage(name);
  if (!found) throw new Error(`there is no image ${name} on the Docker engine; pull it or correct the name`);
  return { id: found.Id, name, repoDigest: repoDigest(found) };
}
