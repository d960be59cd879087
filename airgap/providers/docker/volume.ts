/** `docker:index/volume:Volume` on the engine. */
import type { VolumeInspectInfo } from "dockerode";
import type { Resource } from "../provider.ts";
import { importInputs, previewState, refreshInputs } from "../state.ts";
import { type PropertyMap, stringMap, text } from "../values.ts";
import { engine, engineCall, findOrUndefined, isMissing } from "./client.ts";
import { labels } from "./container-to-engine.ts";
import { check, diff, type ResourceType, type Rules, record } from "./resource.ts";
import { volume as fields } from "./tables.ts";

const TYPE: ResourceType = "docker:index/volume:Volume";
const RULES: Rules = { fields, autoNamed: true };

/** Pure: what the engine says → what the state records. */
function observe(found: VolumeInspectInfo): PropertyMap {
  const options = Object.entries(found.Options ?? {});
  return {
    driver: found.Driver,
    driverOpts: options.length > 0 ? Object.fromEntries(options) : null,
    labels: Object.entries(found.Labels ?? {}).map(([label, value]) => ({ label, value })),
    mountpoint: found.Mountpoint,
    name: found.Name,
  };
}

const stateFrom = (inputs: PropertyMap, found: VolumeInspectInfo): PropertyMap =>
  record(TYPE, fields, found.Name, inputs, observe(found));

export const volume: Resource = {
  async check(args) {
    return check(TYPE, RULES, args);
  },
  diff: (state, inputs) => diff(TYPE, RULES, state, inputs),
  preview: (inputs, state) => previewState(fields, inputs, state),

  async create(inputs) {
    const name = text(inputs.name);
    const found = await engineCall(async () => {
      await engine().createVolume({
        Name: name,
        Labels: labels(inputs.labels),
        DriverOpts: stringMap(inputs.driverOpts),
        ...(inputs.driver ? { Driver: text(inputs.driver) } : {}),
      });
      return await engine().getVolume(name).inspect();
    }, `volume ${name} could not be created`);
    return { id: name, state: stateFrom(inputs, found) };
  },

  async read(id, state, inputs) {
    const found = await findOrUndefined(() => engine().getVolume(id).inspect());
    if (!found) return undefined;
    const imported = Object.keys(state).length === 0;
    const now = stateFrom(state, found);
    return {
      id,
      state: now,
      inputs: imported ? importInputs(fields, now, ["name"]) : refreshInputs(fields, inputs, now),
    };
  },

  async delete(id) {
    await engineCall(async () => {
      try {
        await engine().getVolume(id).remove();
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    }, `volume ${id} could not be removed`);
  },
};
