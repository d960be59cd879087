/**
 * The bridge that the official provider is built on keeps, beside the outputs, how to get from them back to the raw
 * Terraform state: which values are lists, maps or single blocks, and which names differ. With it, the official plugin
 * reads a state of ours as one of its own; a state without it is read too, by guessing from the schema.
 */
import { type Field, type Fields, snakeCase } from "./schema.ts";
import { isMap, type PropertyMap, type Value } from "./values.ts";

export function rawStateDelta(fields: Fields, state: PropertyMap): PropertyMap {
  return { obj: objectDelta(fields, state) };
}

function objectDelta(fields: Fields, value: PropertyMap): PropertyMap {
  const properties: PropertyMap = {};
  const renamed: PropertyMap = {};
  for (const [name, field] of Object.entries(fields)) {
    if (field.unrecorded) continue;
    const delta = valueDelta(field, value[name] ?? null);
    if (delta) properties[name] = delta;
    if (field.terraform && field.terraform !== snakeCase(name)) renamed[name] = field.terraform;
  }
  return {
    ...(Object.keys(properties).length > 0 ? { ps: properties } : {}),
    ...(Object.keys(renamed).length > 0 ? { renamed } : {}),
  };
}

function valueDelta(field: Field, value: Value): PropertyMap | undefined {
  // One block is a list of one underneath; none is an empty list, unless the engine would fill it in.
  if (field.kind === "object") {
    if (isMap(value)) return { plu: { i: { obj: objectDelta(field.fields ?? {}, value) } } };
    return field.computed ? undefined : { plu: { i: {} } };
  }
  if (value === null) return undefined;
  if (field.kind === "map") return { map: {} };
  if (!Array.isArray(value)) return undefined;
  const { fields } = field;
  if (!fields || value.length === 0) return { arr: {} };
  const elements = value.map((one, index) => [String(index), { obj: objectDelta(fields, isMap(one) ? one : {}) }]);
  return { arr: { el: Object.fromEntries(elements) } };
}
