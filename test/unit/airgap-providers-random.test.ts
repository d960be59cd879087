import { compareSync } from "bcryptjs";
import { describe, expect, test } from "vitest";
import { idOutputs, randomText } from "../../airgap/providers/random/generate.ts";
import { rawStateDelta, resources, textProblems } from "../../airgap/providers/random/resources.ts";
import { integer, stringMap } from "../../airgap/providers/schema.ts";
import { type PropertyMap, secret, UNKNOWN } from "../../airgap/providers/values.ts";

const context = { urn: "", log() {}, status() {}, signal: new AbortController().signal };
const resource = (name: string) => {
  const found = resources[`random:index/${name}`];
  if (!found) throw new Error(`no ${name}`);
  return found;
};
const password = resource("randomPassword:RandomPassword");

const check = (inputs: PropertyMap) => password.check({ inputs, oldInputs: undefined, autoName: () => "" }, context);

describe("random text", () => {
  test("holds as much of each kind as is asked for", () => {
    for (let round = 0; round < 50; round++) {
      const text = randomText({
        length: 12,
        minLower: 2,
        minUpper: 3,
        minNumeric: 4,
        minSpecial: 3,
        overrideSpecial: "_",
      });
      expect(text).toHaveLength(12);
      expect([/[a-z]/g, /[A-Z]/g, /\d/g, /_/g].map((kind) => text.match(kind)?.length)).toEqual([2, 3, 4, 3]);
    }
  });

  test("holds nothing of a kind that is switched off", () => {
    expect(randomText({ length: 200, special: false, upper: false })).toMatch(/^[a-z0-9]{200}$/);
    expect(randomText({ length: 200, special: false, number: false })).toMatch(/^[a-zA-Z]{200}$/);
  });

  test.each<[PropertyMap, string]>([
    [{ length: 3, minLower: 2, minUpper: 2 }, "must be at least 4, the sum of the minimums"],
    [
      { length: 4, lower: false, upper: false, numeric: false, special: false },
      "must not be off together with upper, numeric and special",
    ],
    [
      { length: 4, special: false, minSpecial: 1 },
      "cannot be filled: a minimum is asked of a kind that is switched off",
    ],
    [{ length: 4, number: true, numeric: false }, "contradicts `numeric`, which it is the old name of"],
  ])("%j is refused", (inputs, reason) => {
    expect(textProblems(inputs).map((problem) => problem.reason)).toEqual([reason]);
  });
});

describe("RandomPassword", () => {
  test("records the rules it followed, the text and its hash", async () => {
    const { inputs, failures } = await check({ length: 16, special: false });
    expect(failures).toEqual([]);
    expect(inputs).toEqual({ length: 16, special: false });
    const { id, state } = await password.create(inputs, context);
    expect(id).toBe("none");
    expect(state).toMatchObject({ length: 16, special: false, lower: true, minLower: 0, number: true, numeric: true });
    expect(compareSync(String(state.result), String(state.bcryptHash))).toBe(true);
    expect(password.diff(state, inputs, inputs).differences).toEqual([]);
  });

  test("is made anew when anything about it changes", async () => {
    const { state } = await password.create({ length: 16, keepers: { v: "1" } }, context);
    const changed = (inputs: PropertyMap) => password.diff(state, inputs, {}).differences;
    expect(changed({ length: 17, keepers: { v: "1" } })).toEqual([{ path: "length", kind: "update", replace: true }]);
    expect(changed({ length: 16, keepers: { v: "2" } })).toEqual([
      { path: "keepers.v", kind: "update", replace: true },
    ]);
    expect(changed({ length: 16, keepers: { v: "1" }, special: false })).toEqual([
      { path: "special", kind: "update", replace: true },
    ]);
  });

  test("is unknown in a preview", () => {
    expect(password.preview({ length: 16 }, undefined)).toMatchObject({
      result: UNKNOWN,
      bcryptHash: UNKNOWN,
      length: 16,
    });
  });

  test("refuses what it does not know", async () => {
    expect((await check({ length: 8, lenght: 9 })).failures).toEqual([
      { property: "lenght", reason: "is not an input of this resource; did you mean `length`?" },
    ]);
    expect((await check({})).failures).toEqual([{ property: "length", reason: "is required and missing" }]);
  });
});

test("RandomId writes one number in four ways, as recorded with the official plugin", () => {
  expect(idOutputs(Buffer.from("20477e358f1bb914", "hex"))).toEqual({
    b64Std: "IEd+NY8buRQ=",
    b64Url: "IEd-NY8buRQ",
    dec: "2325966501059475732",
    hex: "20477e358f1bb914",
  });
  expect(idOutputs(Buffer.from([1]), "p-").hex).toBe("p-01");
});

test.each([
  ["randomBytes:RandomBytes", { length: 4 }, "hex", /^[0-9a-f]{8}$/],
  ["randomUuid:RandomUuid", {}, "result", /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/],
  ["randomString:RandomString", { length: 5, special: false }, "result", /^[A-Za-z0-9]{5}$/],
  ["randomId:RandomId", { byteLength: 2 }, "hex", /^[0-9a-f]{4}$/],
])("%s makes a new value each time", async (name, inputs, output, pattern) => {
  const { state } = await resource(name).create(inputs, context);
  expect(state[output]).toMatch(pattern);
});

test("the raw state says which inputs were null", () => {
  expect(rawStateDelta({ keepers: stringMap(), length: integer() }, { length: 1 })).toEqual({
    obj: { ps: { keepers: secret({ replace: { raw: null } }) } },
  });
});
