/**
 * What a resource takes and records, as data: one table per resource drives the check of inputs, the diff and the
 * shape of the recorded state, so that the three cannot disagree.
 */
import { containsUnknown, isMap, isUnknown, type PropertyMap, type Value } from "./values.ts";

type ScalarKind = "string" | "number" | "boolean";

export interface Field {
  /** `object` is one nested block; `list` and `set` hold scalars or blocks; `map` is string to string. */
  kind: ScalarKind | "list" | "set" | "map" | "object";
  /** Elements of a list or set of blocks, or the fields of an object. */
  fields?: Fields;
  /** What the official state holds where nothing is set. */
  empty?: Value;
  /** In a block: every element has to name it. (Of a whole resource, `official-5.2.json` says what is required.) */
  required?: true;
  /** Filled in by check when missing, and then named in `__defaults`. */
  default?: Value;
  /** The provider fills it in when missing, so a missing input is no difference. */
  computed?: true;
  /** An output; no input of that name is taken. */
  outputOnly?: true;
  /** Inside a block that replaces the resource: this one alone does not. */
  updates?: true;
  /** The state of version 5.2 has no such output. */
  unrecorded?: true;
  /** Known to the official provider, refused here, with the reason. */
  unsupported?: string;
  /** The official provider's inner name where it is not our name in snake case. */
  terraform?: string;
  pattern?: RegExp;
}
export type Fields = { [name: string]: Field };

type Options = Omit<Field, "kind" | "fields">;
const scalar =
  (kind: ScalarKind, empty: Value) =>
  (options: Options = {}): Field => ({ kind, empty, ...options });

export const string = scalar("string", "");
export const integer = scalar("number", 0);
export const boolean = scalar("boolean", false);
export const stringList = (options: Options = {}): Field => ({ kind: "list", empty: [], ...options });
export const stringSet = (options: Options = {}): Field => ({ kind: "set", empty: null, ...options });
export const stringMap = (options: Options = {}): Field => ({ kind: "map", empty: null, ...options });
export const blockList = (fields: Fields, options: Options = {}): Field => ({
  kind: "list",
  fields,
  empty: [],
  ...options,
});
export const blockSet = (fields: Fields, options: Options = {}): Field => ({
  kind: "set",
  fields,
  empty: [],
  ...options,
});
export const block = (fields: Fields, options: Options = {}): Field => ({
  kind: "object",
  fields,
  empty: null,
  ...options,
});

export interface Failure {
  property: string;
  reason: string;
}

export interface Checked {
  inputs: PropertyMap;
  failures: Failure[];
}

/** Validates inputs against a table and fills in the defaults, recording their names as the official provider does. */
export function checkFields(fields: Fields, required: readonly string[], inputs: PropertyMap, path = ""): Checked {
  const failures: Failure[] = [];
  const fail = (name: string, reason: string) => failures.push({ property: join(path, name), reason });
  const checked: PropertyMap = {};
  for (const [name, value] of Object.entries(inputs)) {
    if (name === "__defaults" || value === null) continue;
    const field = fields[name];
    if (!field || field.outputOnly) fail(name, unknownInput(name, fields));
    else if (field.unsupported) fail(name, `is not supported by the stand-in provider: ${field.unsupported}`);
    else {
      const nested = checkValue(field, value, join(path, name));
      failures.push(...nested.failures);
      checked[name] = nested.value;
    }
  }
  for (const name of required) {
    if (checked[name] === undefined && !failures.some(({ property }) => property === join(path, name)))
      fail(name, "is required and missing");
  }
  const defaults = Object.keys(fields).filter((name) => fields[name]?.default !== undefined && !(name in checked));
  for (const name of defaults) checked[name] = fields[name]?.default ?? null;
  return { inputs: { ...checked, __defaults: defaults.toSorted() }, failures };
}

function checkValue(field: Field, value: Value, path: string): { value: Value; failures: Failure[] } {
  if (isUnknown(value)) return { value, failures: [] };
  const wrong = (expected: string) => ({
    value,
    failures: [{ property: path, reason: `must be ${expected}, not ${describe(value)}` }],
  });
  switch (field.kind) {
    case "list":
    case "set": {
      if (!Array.isArray(value)) return wrong("a list");
      const results = value.map((element, index) => checkElement(field, element, `${path}[${index}]`));
      return { value: results.map((result) => result.value), failures: results.flatMap((result) => result.failures) };
    }
    case "object":
      return checkElement(field, value, path);
    case "map":
      if (!isMap(value)) return wrong("a map of strings");
      return { value, failures: [] };
    default: {
      const converted = convert(field.kind, value);
      if (converted === undefined) return wrong(`a ${field.kind}`);
      if (field.pattern && !field.pattern.test(String(converted)))
        return { value, failures: [{ property: path, reason: `must match ${field.pattern.source}` }] };
      return { value: converted, failures: [] };
    }
  }
}

function checkElement(field: Field, value: Value, path: string): { value: Value; failures: Failure[] } {
  if (!field.fields || isUnknown(value)) {
    const isString = !isMap(value) && !Array.isArray(value);
    return {
      value,
      failures: isString ? [] : [{ property: path, reason: `must be a string, not ${describe(value)}` }],
    };
  }
  if (!isMap(value))
    return { value, failures: [{ property: path, reason: `must be an object, not ${describe(value)}` }] };
  const { inputs, failures } = checkFields(field.fields, requiredOf(field.fields), value, path);
  return { value: inputs, failures };
}

function requiredOf(fields: Fields): string[] {
  return Object.keys(fields).filter((name) => fields[name]?.required);
}

/** Program inputs may be the text of a number or a boolean (from configuration), as Terraform accepts them. */
function convert(kind: ScalarKind, value: Value): Value | undefined {
  if (typeof value === kind) return value;
  if (kind === "number" && typeof value === "string" && /^-?\d+(\.\d+)?$/.test(value)) return Number(value);
  if (kind === "boolean" && (value === "true" || value === "false")) return value === "true";
  if (kind === "string" && (typeof value === "number" || typeof value === "boolean")) return String(value);
  return undefined;
}

/** The type only: the value may be a secret. */
function describe(value: Value): string {
  if (Array.isArray(value)) return "a list";
  if (isMap(value)) return containsUnknown(value) ? "an object of values not yet known" : "an object";
  return `a ${typeof value}`;
}

function unknownInput(name: string, fields: Fields): string {
  const known = Object.keys(fields).filter((field) => !fields[field]?.outputOnly);
  const near = known.find((field) => field.toLowerCase().startsWith(name.toLowerCase().slice(0, 4)));
  return `is not an input of this resource${near ? `; did you mean \`${near}\`?` : ""}`;
}

/** `dnsSearches` → `dns_searches`. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}
