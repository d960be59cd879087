/** What all table-driven docker resources have in common: check, names, and the diff with its replacements. */
import { diffFields } from "../diff.ts";
import type { CheckArgs, DiffResult } from "../provider.ts";
import { rawStateDelta } from "../raw-state.ts";
import { type Checked, checkFields, type Failure, type Fields } from "../schema.ts";
import { recordState } from "../state.ts";
import type { PropertyMap } from "../values.ts";
import { strings } from "../values.ts";
import official from "./official-5.2.json" with { type: "json" };

export type ResourceType = keyof typeof official;

export interface Rules {
  fields: Fields;
  /** The provider chooses a name where none is given, and keeps it. */
  autoNamed?: boolean;
  conflicts?: (inputs: PropertyMap) => Failure[];
}

export function check(type: ResourceType, rules: Rules, args: CheckArgs): Checked {
  const { inputs, failures } = checkFields(rules.fields, official[type].required, args.inputs);
  if (rules.autoNamed && inputs.name === undefined) {
    const kept = strings(args.oldInputs?.__defaults).includes("name") ? args.oldInputs?.name : undefined;
    inputs.name = kept ?? args.autoName();
    inputs.__defaults = [...strings(inputs.__defaults), "name"].toSorted();
  }
  return { inputs, failures: [...failures, ...(rules.conflicts?.(inputs) ?? [])] };
}

export function diff(type: ResourceType, rules: Rules, state: PropertyMap, inputs: PropertyMap): DiffResult {
  const differences = diffFields(rules.fields, new Set(official[type].replaces), state, inputs);
  // Two of the same fixed name cannot exist at once; a chosen name differs for the replacement.
  const fixedName = !strings(inputs.__defaults).includes("name") && inputs.name === state.name;
  return { differences, deleteBeforeReplace: rules.autoNamed === true && fixedName };
}

const TIMEOUTS =
  '"e2bfb730-ecaa-11e6-8f88-34363bc7c4c0":{"create":1200000000000,"delete":1200000000000,"update":1200000000000}';
/** What the official plugin records of its schema and timeouts, per resource. */
const META: { [type in ResourceType]?: string } = {
  "docker:index/container:Container": `{${TIMEOUTS},"schema_version":"2"}`,
  "docker:index/network:Network": '{"schema_version":"1"}',
  "docker:index/volume:Volume": '{"schema_version":"1"}',
  "docker:index/remoteImage:RemoteImage": `{${TIMEOUTS}}`,
};

/** A whole state: every output, and what the official plugin wants to find beside them. */
export function record(
  type: ResourceType,
  fields: Fields,
  id: string,
  inputs: PropertyMap,
  observed: PropertyMap,
): PropertyMap {
  const state = recordState(fields, inputs, observed);
  const meta = META[type];
  return { ...state, id, ...(meta ? { __meta: meta } : {}), __pulumi_raw_state_delta: rawStateDelta(fields, state) };
}
