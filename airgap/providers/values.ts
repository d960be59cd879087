/** Property values as they travel between the engine and a provider, and the two marks they may carry. */

export type Value = null | boolean | number | string | Value[] | PropertyMap;
export type PropertyMap = { [key: string]: Value };

/** Stands for a value that a preview cannot know yet (Pulumi provider protocol, "computed"). */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";

export function isMap(value: Value | undefined): value is PropertyMap {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Marks a value so that the engine encrypts it in the state and hides it on screen. */
export function secret(value: Value): PropertyMap {
  return { [SIGNATURE]: SECRET, value };
}

/** The value without its secret marks; the engine keeps track of which inputs were secret by itself. */
export function plain(value: Value): Value {
  if (Array.isArray(value)) return value.map(plain);
  if (!isMap(value)) return value;
  if (value[SIGNATURE] === SECRET) return plain(value.value ?? null);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

export function isUnknown(value: Value | undefined): boolean {
  return value === UNKNOWN;
}

export function containsUnknown(value: Value | undefined): boolean {
  if (Array.isArray(value)) return value.some(containsUnknown);
  if (isMap(value)) return Object.values(value).some(containsUnknown);
  return isUnknown(value);
}

/** Nothing set: Terraform state, and with it the official provider, takes null and a type's zero value as the same. */
export function isEmpty(value: Value | undefined): boolean {
  if (value === undefined || value === null || value === "" || value === 0 || value === false) return true;
  if (Array.isArray(value)) return value.length === 0;
  return isMap(value) && Object.keys(value).every((key) => key === "__defaults");
}

export function text(value: Value | undefined): string {
  return value === undefined || value === null ? "" : String(value);
}

export function number(value: Value | undefined): number {
  return typeof value === "number" ? value : 0;
}

export function list(value: Value | undefined): Value[] {
  return Array.isArray(value) ? value : [];
}

export function strings(value: Value | undefined): string[] {
  return list(value).map(text);
}

export function maps(value: Value | undefined): PropertyMap[] {
  return list(value).filter(isMap);
}

export function map(value: Value | undefined): PropertyMap {
  return isMap(value) ? value : {};
}

export function stringMap(value: Value | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(map(value)).map(([key, inner]) => [key, text(inner)]));
}
