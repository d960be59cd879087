/** The shape of recorded state: empty values where nothing is set, sets in the official provider's order. */
import { type Field, type Fields, snakeCase } from "./schema.ts";
import { isMap, type PropertyMap, UNKNOWN, type Value } from "./values.ts";

/** State as the official provider records it: every field present, then inputs, then what the engine says. */
export function recordState(fields: Fields, inputs: PropertyMap, observed: PropertyMap): PropertyMap {
  const state: PropertyMap = {};
  for (const [name, field] of Object.entries(fields)) {
    if (field.unrecorded) continue;
    const value = observed[name] !== undefined ? observed[name] : inputs[name];
    state[name] = shape(field, value);
  }
  return state;
}

function shape(field: Field, value: Value | undefined): Value {
  if (value === undefined || value === null) return field.empty ?? null;
  if (field.kind === "object") return isMap(value) ? shapeBlock(field.fields ?? {}, value) : value;
  if (!Array.isArray(value)) return value;
  const elements = field.fields
    ? value.map((one) => (isMap(one) ? shapeBlock(field.fields ?? {}, one) : one))
    : [...value];
  if (elements.length === 0) return field.empty === undefined ? [] : field.empty;
  return field.kind === "set" ? inSetOrder(field, elements) : elements;
}

function shapeBlock(fields: Fields, value: PropertyMap): PropertyMap {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, shape(field, value[name])]));
}

/** Outputs of a resource that is not there yet: inputs, and unknown for what the provider or engine will fill in. */
export function previewState(fields: Fields, inputs: PropertyMap, state: PropertyMap | undefined): PropertyMap {
  const planned: PropertyMap = {};
  for (const [name, field] of Object.entries(fields)) {
    if (field.unrecorded) continue;
    const input = inputs[name];
    if (input !== undefined && input !== null) planned[name] = withoutDefaults(input);
    else if (field.outputOnly || field.computed) planned[name] = state ? (state[name] ?? null) : UNKNOWN;
    else planned[name] = field.empty ?? null;
  }
  return planned;
}

export function withoutDefaults(value: Value): Value {
  if (Array.isArray(value)) return value.map(withoutDefaults);
  if (!isMap(value)) return value;
  const own = Object.entries(value).filter(([key]) => key !== "__defaults");
  return Object.fromEntries(own.map(([key, inner]) => [key, withoutDefaults(inner)]));
}

/**
 * Terraform keeps sets of strings in their natural order and sets of blocks in the order of a text made of the
 * attributes, sorted by their Terraform names.
 */
function inSetOrder(field: Field, elements: Value[]): Value[] {
  const keyed = elements.map((element) => ({
    element,
    key: field.fields && isMap(element) ? serialise(field.fields, element) : String(element),
  }));
  return keyed.toSorted((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)).map(({ element }) => element);
}

function serialise(fields: Fields, element: PropertyMap): string {
  const parts = Object.entries(fields)
    .map(([name, field]) => ({ name: field.terraform ?? snakeCase(name), value: element[name], field }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ value, field }) => `${serialiseValue(field, value)};`);
  return `<${parts.join("")}>`;
}

function serialiseValue(field: Field, value: Value | undefined): string {
  if (value === null || value === undefined) return field.kind === "object" || field.kind === "set" ? "[]" : "~";
  if (typeof value === "boolean") return value ? "T" : "F";
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) {
    const elements = value.map((one) =>
      field.fields && isMap(one) ? serialise(field.fields, one) : JSON.stringify(one),
    );
    return `[${elements.map((one) => `${one};`).join("")}]`;
  }
  if (field.kind === "object") return `[${serialise(field.fields ?? {}, value)};]`;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${JSON.stringify(inner)};`).join("")}}`;
}

/** New inputs after a refresh or an import: what the program had set, with the values that are true now. */
export function refreshInputs(fields: Fields, inputs: PropertyMap, state: PropertyMap): PropertyMap {
  const refreshed: PropertyMap = { ...inputs };
  for (const [name, field] of Object.entries(fields)) {
    const scalar = field.kind === "string" || field.kind === "number" || field.kind === "boolean";
    if (scalar && name in inputs && state[name] !== undefined && state[name] !== null) refreshed[name] = state[name];
  }
  return refreshed;
}

/** Inputs of an imported resource: everything set that is neither a default nor filled in by the engine. */
export function importInputs(fields: Fields, state: PropertyMap, required: readonly string[]): PropertyMap {
  const inputs: PropertyMap = { __defaults: [] };
  for (const [name, field] of Object.entries(fields)) {
    const value = state[name];
    if (field.outputOnly || value === undefined || value === null) continue;
    const isDefault = JSON.stringify(value) === JSON.stringify(field.default ?? field.empty);
    if (required.includes(name) || (!isDefault && (!field.computed || name === "name"))) inputs[name] = value;
  }
  return inputs;
}
