import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { diffFields } from "../../airgap/providers/diff.ts";
import { rawStateDelta } from "../../airgap/providers/raw-state.ts";
import {
  block,
  blockSet,
  boolean,
  checkFields,
  type Fields,
  integer,
  string,
  stringList,
  stringMap,
  stringSet,
} from "../../airgap/providers/schema.ts";
import { importInputs, previewState, recordState, refreshInputs } from "../../airgap/providers/state.ts";
import { containsUnknown, isEmpty, type PropertyMap, plain, secret, UNKNOWN } from "../../airgap/providers/values.ts";

const fields: Fields = {
  address: string({ outputOnly: true }),
  count: integer(),
  driver: string({ computed: true }),
  enabled: boolean({ default: true }),
  flags: stringSet(),
  labels: blockSet({ label: string({ required: true }), value: string({ required: true }) }),
  limits: block({ hard: integer({ empty: null }), soft: integer({ empty: null, updates: true }) }),
  mode: string({ pattern: /^(a|b)$/, default: "a" }),
  networks: blockSet({ aliases: stringSet({ empty: [] }), name: string({ required: true }) }),
  options: stringMap(),
  steps: stringList({ terraform: "step" }),
  vintage: string({ unsupported: "it is too old" }),
};

describe("values", () => {
  test("lose their secret marks at every depth", () => {
    expect(plain({ a: secret({ b: [secret("c")] }), d: 1 })).toEqual({ a: { b: ["c"] }, d: 1 });
  });

  test("are unknown when anything inside is", () => {
    expect(containsUnknown({ a: ["x", { b: UNKNOWN }] })).toBe(true);
    expect(containsUnknown({ a: ["x", { b: "y" }] })).toBe(false);
  });

  test.each([[null], [""], [0], [false], [[]], [{}], [{ __defaults: [] }], [undefined]])("%j is empty", (value) => {
    expect(isEmpty(value)).toBe(true);
  });

  test.each([["x"], [1], [true], [["x"]], [{ a: null }]])("%j is not empty", (value) => {
    expect(isEmpty(value)).toBe(false);
  });
});

describe("check", () => {
  test("fills in defaults and names them, in blocks too", () => {
    const { inputs, failures } = checkFields(fields, [], { labels: [{ label: "l", value: "v" }], limits: { hard: 1 } });
    expect(failures).toEqual([]);
    expect(inputs).toEqual({
      __defaults: ["enabled", "mode"],
      enabled: true,
      labels: [{ __defaults: [], label: "l", value: "v" }],
      limits: { __defaults: [], hard: 1 },
      mode: "a",
    });
  });

  test("takes numbers and booleans written as text, as Terraform does", () => {
    expect(checkFields(fields, [], { count: "3", enabled: "false" }).inputs).toMatchObject({
      count: 3,
      enabled: false,
    });
  });

  test("lets unknown values pass and leaves nulls out", () => {
    const { inputs, failures } = checkFields(fields, ["count"], { count: UNKNOWN, labels: UNKNOWN, driver: null });
    expect(failures).toEqual([]);
    expect(inputs).toEqual({
      __defaults: ["enabled", "mode"],
      count: UNKNOWN,
      enabled: true,
      labels: UNKNOWN,
      mode: "a",
    });
  });

  test.each<[string, PropertyMap, string, string]>([
    ["an unknown input", { driven: "x" }, "driven", "is not an input of this resource; did you mean `driver`?"],
    ["one far from any", { zzz: 1 }, "zzz", "is not an input of this resource"],
    ["an output", { address: "x" }, "address", "is not an input of this resource"],
    ["an unsupported one", { vintage: "1" }, "vintage", "is not supported by the stand-in provider: it is too old"],
    ["a value outside the pattern", { mode: "c" }, "mode", "must match ^(a|b)$"],
    ["a text for a number", { count: "many" }, "count", "must be a number, not a string"],
    ["a list for a text", { driver: ["x"] }, "driver", "must be a string, not a list"],
    ["a text for a list", { flags: "x" }, "flags", "must be a list, not a string"],
    ["an object in a list of texts", { flags: [{}] }, "flags[0]", "must be a string, not an object"],
    ["a text for a block", { limits: "x" }, "limits", "must be an object, not a string"],
    ["a text for a map", { options: "x" }, "options", "must be a map of strings, not a string"],
    ["a block without its name", { networks: [{}] }, "networks[0].name", "is required and missing"],
    ["an unknown input in a block", { limits: { hart: 1 } }, "limits.hart", "is not an input of this resource"],
  ])("refuses %s by name", (_what, inputs, property, reason) => {
    expect(checkFields(fields, [], inputs).failures).toEqual([{ property, reason }]);
  });

  test("names everything that is missing", () => {
    expect(checkFields(fields, ["count", "driver"], {}).failures).toEqual([
      { property: "count", reason: "is required and missing" },
      { property: "driver", reason: "is required and missing" },
    ]);
  });
});

describe("diff", () => {
  const replaces = new Set(["flags", "labels", "limits", "networks", "options", "steps", "driver"]);
  const diff = (state: PropertyMap, inputs: PropertyMap) =>
    diffFields(fields, replaces, state, inputs).map(
      ({ path, kind, replace }) => `${path} ${kind}${replace ? "-replace" : ""}`,
    );

  test.each<[string, PropertyMap, PropertyMap, string[]]>([
    ["nothing", { count: 1, mode: "a" }, { count: 1, mode: "a" }, []],
    ["empty against absent", { count: 0, flags: null, options: null }, { flags: [], options: {} }, []],
    ["a changed number", { count: 1 }, { count: 2 }, ["count update"]],
    ["a zero that becomes a number", { count: 0 }, { count: 2 }, ["count update"]],
    ["a null that becomes a number", { count: null }, { count: 2 }, ["count add"]],
    ["an input taken away", { count: 2 }, {}, ["count delete"]],
    ["an input left to the engine", { driver: "bridge" }, {}, []],
    ["an unknown value", { driver: "bridge" }, { driver: UNKNOWN }, ["driver update-replace"]],
    [
      "an element of a set of texts",
      { flags: ["a", "b"] },
      { flags: ["b", "c"] },
      ["flags[0] delete-replace", "flags[1] add-replace"],
    ],
    ["a set in another order", { flags: ["a", "b"] }, { flags: ["b", "a"] }, []],
    ["an element in its place", { flags: ["A=1", "B=2"] }, { flags: ["A=2", "B=2"] }, ["flags[0] update-replace"]],
    ["a set with an unknown element", { flags: ["a"] }, { flags: [UNKNOWN] }, ["flags update-replace"]],
    [
      "one attribute of complete blocks",
      { labels: [{ label: "l", value: "1" }] },
      { labels: [{ label: "l", value: "2" }] },
      ["labels[0].value update-replace"],
    ],
    [
      "blocks whose attributes were filled in",
      { networks: [{ aliases: [], name: "n" }] },
      { networks: [{ name: "m" }] },
      ["networks update-replace"],
    ],
    [
      "the same blocks, empty attributes aside",
      { networks: [{ aliases: [], name: "n" }] },
      { networks: [{ name: "n" }] },
      [],
    ],
    [
      "keys of a map",
      { options: { "max-size": "1", old: "x" } },
      { options: { "max-size": "2", plain: "y" } },
      ['options["max-size"] update-replace', "options.old delete-replace", "options.plain add-replace"],
    ],
    [
      "parts of a block, one of which only updates",
      { limits: { hard: 1, soft: 1 } },
      { limits: { hard: 2, soft: 2 } },
      ["limits.hard update-replace", "limits.soft update"],
    ],
    ["a block that was not there", { limits: null }, { limits: { hard: 1 } }, ["limits add-replace"]],
    [
      "a list by index",
      { steps: ["a", "b", "c"] },
      { steps: ["a", "x"] },
      ["steps[1] update-replace", "steps[2] delete-replace"],
    ],
  ])("of %s", (_what, state, inputs, differences) => {
    expect(diff(state, inputs)).toEqual(differences);
  });
});

describe("state", () => {
  test("has every output, empty where nothing is set, sets in Terraform's order", () => {
    const inputs = {
      __defaults: [],
      flags: ["b", "a"],
      networks: [
        { __defaults: [], name: "back" },
        { __defaults: [], aliases: ["x"], name: "front" },
      ],
    };
    expect(recordState(fields, inputs, { address: "10.0.0.1", driver: "bridge" })).toEqual({
      address: "10.0.0.1",
      count: 0,
      driver: "bridge",
      enabled: false,
      flags: ["a", "b"],
      labels: [],
      limits: null,
      mode: "",
      networks: [
        { aliases: ["x"], name: "front" },
        { aliases: [], name: "back" },
      ],
      options: null,
      steps: [],
      vintage: "",
    });
  });

  test("of a preview is unknown where the engine will decide", () => {
    const planned = previewState(
      fields,
      { count: 1, labels: [{ __defaults: [], label: "l", value: UNKNOWN }] },
      undefined,
    );
    expect(planned).toMatchObject({
      address: UNKNOWN,
      count: 1,
      driver: UNKNOWN,
      flags: null,
      labels: [{ label: "l", value: UNKNOWN }],
    });
    expect(previewState(fields, { count: 2 }, { address: "10.0.0.1", count: 1, driver: "d" })).toMatchObject({
      address: "10.0.0.1",
      count: 2,
      driver: "d",
    });
  });

  test("turns into inputs: what the program had set after a refresh, what is no default after an import", () => {
    const state = recordState(fields, {}, { count: 5, driver: "d", enabled: true, mode: "b" });
    expect(refreshInputs(fields, { __defaults: [], count: 1 }, state)).toEqual({ __defaults: [], count: 5 });
    expect(importInputs(fields, state, ["driver"])).toEqual({ __defaults: [], count: 5, driver: "d", mode: "b" });
  });

  test("says how the raw Terraform state was", () => {
    const state = recordState(
      fields,
      { limits: { hard: 1 }, labels: [{ label: "l", value: "v" }], options: { a: "b" } },
      {},
    );
    expect(rawStateDelta(fields, state)).toEqual({
      obj: {
        ps: {
          labels: { arr: { el: { "0": { obj: {} } } } },
          limits: { plu: { i: { obj: {} } } },
          networks: { arr: {} },
          options: { map: {} },
          steps: { arr: {} },
        },
        renamed: { steps: "step" },
      },
    });
  });
});

test("the tables of the docker resources agree with the official schema", async () => {
  const tables = await import("../../airgap/providers/docker/tables.ts");
  const official = JSON.parse(
    readFileSync(join(import.meta.dirname, "../../airgap/providers/docker/official-5.2.json"), "utf8"),
  ) as Record<string, { required: string[]; replaces: string[]; updates: string[]; outputsOnly: string[] }>;
  const types: [string, Fields][] = [
    ["docker:index/container:Container", tables.container],
    ["docker:index/network:Network", tables.network],
    ["docker:index/volume:Volume", tables.volume],
    ["docker:index/remoteImage:RemoteImage", tables.remoteImage],
    ["docker:index/tag:Tag", tables.tag],
  ];
  for (const [type, table] of types) {
    const names = (outputs: boolean) =>
      Object.keys(table)
        .filter((name) => Boolean(table[name]?.outputOnly) === outputs && !table[name]?.unrecorded)
        .toSorted();
    const schema = official[type];
    expect([type, names(false)]).toEqual([type, [...(schema?.replaces ?? []), ...(schema?.updates ?? [])].toSorted()]);
    expect([type, names(true)]).toEqual([type, schema?.outputsOnly.toSorted()]);
  }
});
