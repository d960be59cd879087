/** Resources of the `random` provider 4.21: values made once and kept in the state. */
import { randomUUID } from "node:crypto";
import { hash } from "bcryptjs";
import { diffFields } from "../diff.ts";
import type { Resource } from "../provider.ts";
import { boolean, checkFields, type Failure, type Fields, integer, string, stringMap } from "../schema.ts";
import { withoutDefaults } from "../state.ts";
import { map, number, type PropertyMap, secret, text, UNKNOWN } from "../values.ts";
import { bytesOf, classesOf, idOutputs, randomText } from "./generate.ts";

/** As the official provider has it; bcrypt reads no more than 72 bytes, and it cuts there. */
const BCRYPT_COST = 10;
const BCRYPT_BYTES = 72;

interface Definition {
  fields: Fields;
  required: string[];
  /** Outputs that only exist once the resource does. */
  generated: string[];
  /** Outputs that repeat an input, with the default it has. */
  defaults?: PropertyMap;
  meta?: string;
  problems?: (inputs: PropertyMap) => Failure[];
  generate: (inputs: PropertyMap) => Promise<{ id: string; outputs: PropertyMap }>;
}

/** Anything that changes makes a new value: every input replaces. */
function resource({ fields, required, generated, defaults = {}, meta, problems, generate }: Definition): Resource {
  const replaces = new Set(Object.keys(fields));
  const outputs = (inputs: PropertyMap, made: PropertyMap): PropertyMap => ({
    ...defaults,
    ...inputs,
    ...made,
    ...(meta ? { __meta: meta } : {}),
  });
  const record = (state: PropertyMap): PropertyMap => ({
    ...state,
    __pulumi_raw_state_delta: rawStateDelta(fields, state),
  });
  return {
    async check({ inputs }) {
      const checked = checkFields(fields, required, inputs);
      const plainInputs = map(withoutDefaults(checked.inputs));
      const found = checked.failures.length === 0 ? (problems?.(plainInputs) ?? []) : [];
      return { inputs: plainInputs, failures: [...checked.failures, ...found] };
    },
    diff: (state, inputs) => ({ differences: diffFields(fields, replaces, state, { ...defaults, ...inputs }) }),
    preview: (inputs, state) => state ?? outputs(inputs, Object.fromEntries(generated.map((name) => [name, UNKNOWN]))),
    async create(inputs) {
      const { id, outputs: made } = await generate(inputs);
      return { id, state: record(outputs(inputs, { ...made, id })) };
    },
    // The state is all there is of a random value.
    async read(id, state, inputs) {
      if (Object.keys(state).length === 0) {
        throw new Error("importing random values is not supported by the stand-in provider; let it make a new one");
      }
      return { id, state, inputs };
    },
    async delete() {},
  };
}

/** What the official plugin needs to find its own state again: inputs that are null in it and missing in ours. */
export function rawStateDelta(fields: Fields, state: PropertyMap): PropertyMap {
  const properties = Object.entries(fields).flatMap(([name, field]): [string, PropertyMap][] => {
    if (state[name] === undefined) return [[name, secret({ replace: { raw: null } })]];
    return field.kind === "map" ? [[name, { map: {} }]] : [];
  });
  return { obj: properties.length > 0 ? { ps: Object.fromEntries(properties) } : {} };
}

const keepers = stringMap();

const textFields: Fields = {
  keepers,
  length: integer(),
  lower: boolean({ empty: null }),
  minLower: integer(),
  minNumeric: integer(),
  minSpecial: integer(),
  minUpper: integer(),
  number: boolean({ empty: null }),
  numeric: boolean({ empty: null }),
  overrideSpecial: string({ empty: null }),
  special: boolean({ empty: null }),
  upper: boolean({ empty: null }),
};

const textDefaults: PropertyMap = {
  lower: true,
  minLower: 0,
  minNumeric: 0,
  minSpecial: 0,
  minUpper: 0,
  number: true,
  numeric: true,
  special: true,
  upper: true,
};

/** The rules that no text can satisfy. */
export function textProblems(inputs: PropertyMap): Failure[] {
  if (typeof inputs.length !== "number") return [];
  const problems: Failure[] = [];
  const classes = classesOf(inputs);
  const minimum = classes.reduce((sum, one) => sum + one.minimum, 0);
  if (number(inputs.length) < Math.max(1, minimum)) {
    problems.push({ property: "length", reason: `must be at least ${Math.max(1, minimum)}, the sum of the minimums` });
  }
  if (classes.every(({ alphabet }) => alphabet === "")) {
    problems.push({ property: "lower", reason: "must not be off together with upper, numeric and special" });
  }
  if (classes.some(({ alphabet, minimum: least }) => alphabet === "" && least > 0)) {
    problems.push({
      property: "length",
      reason: "cannot be filled: a minimum is asked of a kind that is switched off",
    });
  }
  if (inputs.number !== undefined && inputs.numeric !== undefined && inputs.number !== inputs.numeric) {
    problems.push({ property: "number", reason: "contradicts `numeric`, which it is the old name of" });
  }
  return problems;
}

/** `number` is the old name of `numeric`; both are recorded alike. */
function bothNumeric(inputs: PropertyMap): PropertyMap {
  const numeric = inputs.numeric ?? inputs.number ?? true;
  return { numeric, number: numeric };
}

async function bcryptHash(value: string): Promise<string> {
  return await hash(Buffer.from(value).subarray(0, BCRYPT_BYTES).toString("utf8"), BCRYPT_COST);
}

export const resources: Record<string, Resource> = {
  "random:index/randomPassword:RandomPassword": resource({
    fields: textFields,
    required: ["length"],
    generated: ["bcryptHash", "result"],
    defaults: textDefaults,
    meta: '{"schema_version":"3"}',
    problems: textProblems,
    async generate(inputs) {
      const result = randomText(inputs);
      return { id: "none", outputs: { ...bothNumeric(inputs), result, bcryptHash: await bcryptHash(result) } };
    },
  }),
  "random:index/randomString:RandomString": resource({
    fields: textFields,
    required: ["length"],
    generated: ["result"],
    defaults: textDefaults,
    meta: '{"schema_version":"2"}',
    problems: textProblems,
    async generate(inputs) {
      const result = randomText(inputs);
      return { id: result, outputs: { ...bothNumeric(inputs), result } };
    },
  }),
  "random:index/randomId:RandomId": resource({
    fields: { byteLength: integer(), keepers, prefix: string({ empty: null }) },
    required: ["byteLength"],
    generated: ["b64Std", "b64Url", "dec", "hex"],
    problems: (inputs) => atLeastOne(inputs, "byteLength"),
    async generate(inputs) {
      const bytes = bytesOf(number(inputs.byteLength));
      return { id: bytes.toString("base64url"), outputs: idOutputs(bytes, text(inputs.prefix)) };
    },
  }),
  "random:index/randomBytes:RandomBytes": resource({
    fields: { keepers, length: integer() },
    required: ["length"],
    generated: ["base64", "hex"],
    problems: (inputs) => atLeastOne(inputs, "length"),
    async generate(inputs) {
      const bytes = bytesOf(number(inputs.length));
      return { id: "none", outputs: { base64: bytes.toString("base64"), hex: bytes.toString("hex") } };
    },
  }),
  "random:index/randomUuid:RandomUuid": resource({
    fields: { keepers },
    required: [],
    generated: ["result"],
    async generate() {
      const result = randomUUID();
      return { id: result, outputs: { result } };
    },
  }),
};

function atLeastOne(inputs: PropertyMap, property: string): Failure[] {
  const value = inputs[property];
  return typeof value === "number" && (value < 1 || !Number.isInteger(value))
    ? [{ property, reason: "must be a whole number of at least 1" }]
    : [];
}
