/** Pure but for the source of randomness: texts that satisfy the rules of the random provider. */
import { randomBytes, randomInt } from "node:crypto";
import { number, type PropertyMap, text } from "../values.ts";

const LOWER = "abcdefghijklmnopqrstuvwxyz";
const UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const NUMERIC = "0123456789";
const SPECIAL = "!@#$%&*()-_=+[]{}<>:?";

/** Character classes that are on, each with how many of it there must be at least. */
export function classesOf(inputs: PropertyMap): { alphabet: string; minimum: number }[] {
  const special = text(inputs.overrideSpecial) || SPECIAL;
  const on = (name: string) => inputs[name] !== false;
  const classes = [
    { alphabet: LOWER, minimum: number(inputs.minLower), on: on("lower") },
    { alphabet: UPPER, minimum: number(inputs.minUpper), on: on("upper") },
    { alphabet: NUMERIC, minimum: number(inputs.minNumeric), on: on("numeric") && on("number") },
    { alphabet: special, minimum: number(inputs.minSpecial), on: on("special") },
  ];
  return classes.map(({ alphabet, minimum, on }) => ({ alphabet: on ? alphabet : "", minimum }));
}

export function randomText(inputs: PropertyMap): string {
  const classes = classesOf(inputs);
  const required = classes.flatMap(({ alphabet, minimum }) => pick(alphabet, minimum));
  const all = classes.map(({ alphabet }) => alphabet).join("");
  return shuffle([...required, ...pick(all, number(inputs.length) - required.length)]).join("");
}

function pick(alphabet: string, count: number): string[] {
  const letters = [...alphabet];
  return Array.from({ length: Math.max(0, count) }, () => letters[randomInt(letters.length)] ?? "");
}

function shuffle(letters: string[]): string[] {
  const shuffled = [...letters];
  for (let last = shuffled.length - 1; last > 0; last--) {
    const other = randomInt(last + 1);
    [shuffled[last], shuffled[other]] = [shuffled[other] ?? "", shuffled[last] ?? ""];
  }
  return shuffled;
}

/** The outputs of a RandomId for these bytes. */
export function idOutputs(bytes: Buffer, prefix = ""): PropertyMap {
  return {
    b64Std: prefix + bytes.toString("base64"),
    b64Url: prefix + bytes.toString("base64url"),
    dec: prefix + BigInt(`0x${bytes.toString("hex") || "0"}`).toString(),
    hex: prefix + bytes.toString("hex"),
  };
}

export function bytesOf(length: number): Buffer {
  return randomBytes(length);
}
