/** What all table-driven docker resources have in common: check, names, and the diff with its replacements. */
import { diffFields } from "../diff.ts";
import type { CheckArgs, DiffResult } from "../provider.ts";
import { type Checked, checkFields, type Failure, type Fields } from "../schema.ts";
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

/** What the official plugin keeps beside the outputs for its own migrations; a state of ours is readable to it. */
const TIMEOUTS =
  '"e2bfb730-ecaa-11e6-8f88-34363bc7c4c0":{"create":1200000000000,"delete":1200000000000,"update":1200000000000}';
export const META = {
  container: `{${TIMEOUTS},"schema_version":"2"}`,
  network: '{"schema_version":"1"}',
  volume: '{"schema_version":"1"}',
  remoteImage: `{${TIMEOUTS}}`,
} as const;
