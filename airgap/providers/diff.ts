/**
 * Compares recorded state with checked inputs the way the official provider does, including how it names the
 * properties that differ: lists by index, sets by element where every attribute of the element is given and as a
 * whole otherwise, maps by key.
 */
import type { Field, Fields } from "./schema.ts";
import { containsUnknown, isEmpty, isMap, type PropertyMap, type Value } from "./values.ts";

export type Kind = "add" | "delete" | "update";
export interface Difference {
  path: string;
  kind: Kind;
  replace: boolean;
}

/** @param replaces names of the top-level inputs whose change replaces the resource */
export function diffFields(
  fields: Fields,
  replaces: ReadonlySet<string>,
  state: PropertyMap,
  inputs: PropertyMap,
): Difference[] {
  return Object.entries(fields).flatMap(([name, field]) =>
    field.outputOnly ? [] : diffField(field, name, state[name], inputs[name], replaces.has(name)),
  );
}

function diffField(
  field: Field,
  path: string,
  state: Value | undefined,
  input: Value | undefined,
  replace: boolean,
): Difference[] {
  const one = (kind: Kind): Difference[] => [{ path, kind, replace }];
  const isScalar = field.kind === "string" || field.kind === "number" || field.kind === "boolean";
  if (input === undefined || input === null) {
    return field.computed || isEmpty(state) ? [] : one("delete");
  }
  const absent = state === undefined || state === null;
  if (isScalar) {
    if (containsUnknown(input)) return one("update");
    if (input === state || (isEmpty(input) && isEmpty(state))) return [];
    return one(absent ? "add" : "update");
  }
  if (isEmpty(input) && isEmpty(state)) return [];
  switch (field.kind) {
    case "object":
      if (!isMap(input)) return one("update");
      if (!isMap(state)) return one("add");
      return diffBlock(field.fields ?? {}, path, state, input, replace);
    case "map":
      if (!isMap(input)) return one("update");
      if (!isMap(state)) return one("add");
      return diffMap(path, state, input, replace);
    case "set":
      if (!Array.isArray(input) || containsUnknown(input)) return one("update");
      return diffSet(field, path, Array.isArray(state) ? state : [], input, replace);
    default:
      if (!Array.isArray(input)) return one("update");
      return diffList(field, path, Array.isArray(state) ? state : [], input, replace);
  }
}

function diffBlock(fields: Fields, path: string, state: PropertyMap, input: PropertyMap, replace: boolean) {
  return Object.entries(fields).flatMap(([name, field]) =>
    diffField(field, `${path}.${name}`, state[name], input[name], replace && !field.updates),
  );
}

function diffMap(path: string, state: PropertyMap, input: PropertyMap, replace: boolean): Difference[] {
  const keys = new Set([...Object.keys(state), ...Object.keys(input)]);
  return [...keys].toSorted().flatMap((key): Difference[] => {
    const at = /^[A-Za-z_]\w*$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`;
    if (!(key in input)) return [{ path: at, kind: "delete", replace }];
    if (!(key in state)) return [{ path: at, kind: "add", replace }];
    return input[key] === state[key] ? [] : [{ path: at, kind: "update", replace }];
  });
}

function diffList(field: Field, path: string, state: Value[], input: Value[], replace: boolean): Difference[] {
  const length = Math.max(state.length, input.length);
  return Array.from({ length }, (_, index) => index).flatMap((index): Difference[] => {
    const at = `${path}[${index}]`;
    const [old, now] = [state[index], input[index]];
    if (now === undefined) return [{ path: at, kind: "delete", replace }];
    if (old === undefined) return [{ path: at, kind: "add", replace }];
    if (field.fields && isMap(old) && isMap(now)) return diffBlock(field.fields, at, old, now, replace);
    return old === now ? [] : [{ path: at, kind: "update", replace }];
  });
}

function diffSet(field: Field, path: string, state: Value[], input: Value[], replace: boolean): Difference[] {
  const keyOf = (element: Value) => canonical(field, element);
  const stateKeys = new Set(state.map(keyOf));
  const inputKeys = new Set(input.map(keyOf));
  const removed = state.flatMap((element, index) => (inputKeys.has(keyOf(element)) ? [] : [index]));
  const added = input.flatMap((element, index) => (stateKeys.has(keyOf(element)) ? [] : [index]));
  if (removed.length === 0 && added.length === 0) return [];
  const whole = field.fields && input.some((element) => !isComplete(field.fields ?? {}, element));
  if (whole) return [{ path, kind: state.length === 0 ? "add" : "update", replace }];
  return [...new Set([...removed, ...added])]
    .toSorted((a, b) => a - b)
    .flatMap((index): Difference[] => {
      const at = `${path}[${index}]`;
      const [old, now] = [state[index], input[index]];
      if (removed.includes(index) && added.includes(index)) {
        return field.fields && isMap(old) && isMap(now)
          ? diffBlock(field.fields, at, old, now, replace)
          : [{ path: at, kind: "update", replace }];
      }
      return [{ path: at, kind: removed.includes(index) ? "delete" : "add", replace }];
    });
}

/** The official provider finds an element of a plan among the inputs only if nothing had to be filled in. */
function isComplete(fields: Fields, element: Value): boolean {
  return isMap(element) && Object.keys(fields).every((name) => element[name] !== undefined && element[name] !== null);
}

/** One text per element, in which order of attributes and empty values do not count. */
function canonical(field: Field, element: Value): string {
  if (!field.fields || !isMap(element)) return JSON.stringify(element);
  return JSON.stringify(
    Object.entries(field.fields).map(([name, inner]) => {
      const value = element[name];
      if (isEmpty(value)) return null;
      if (inner.kind === "object") return canonical(inner, value ?? null);
      if (Array.isArray(value)) return value.map((one) => canonical(inner, one)).toSorted();
      if (isMap(value)) return Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
      return value ?? null;
    }),
  );
}
