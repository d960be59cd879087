import { readFileSync } from "node:fs";
import { Readable } from "node:stream";
import { rootCertificates } from "node:tls";
import Docker from "dockerode";
import { describe, expect, it } from "vitest";
import { type BaseImageFacts, chooseBaseImage, otherGoEnvironment, otherIndex } from "../../airgap/base-images.ts";
import { addedCertificates, splitPem } from "../../airgap/certificates.ts";
import { sources } from "../../airgap/debian-image.ts";
import { follow } from "../../airgap/engine-stream.ts";
import {
  baseImageNames,
  baseOf,
  dockerfileOf,
  labelsOf,
  officialImages,
  RECIPE_LABEL,
  recipeOf,
} from "../../airgap/image-recipe.ts";
import { host } from "./fixtures.ts";

describe("the choice of a base image", () => {
  const facts: BaseImageFacts = { configured: undefined, official: false, standInRecipe: undefined, recipe: "r2" };
  const standIn = "mcp-airgap/node:24";

  it.each<[string, Partial<BaseImageFacts>, object]>([
    [
      "what the stack names",
      { configured: "mirror/node:24", official: true },
      { use: "configured", image: "mirror/node:24" },
    ],
    ["the official one", { official: true, standInRecipe: "r2" }, { use: "official", image: "node:24-trixie-slim" }],
    ["a new stand-in", {}, { use: "stand-in", image: standIn, build: true }],
    ["the stand-in that is there", { standInRecipe: "r2" }, { use: "stand-in", image: standIn, build: false }],
    ["a stand-in made anew", { standInRecipe: "r1" }, { use: "stand-in", image: standIn, build: true }],
    [
      "the stand-in that the stack names",
      { configured: standIn, official: true },
      { use: "stand-in", image: standIn, build: true },
    ],
  ])("is %s", (_, given, expected) => {
    expect(chooseBaseImage("node", { ...facts, ...given })).toEqual(expected);
  });
});

describe("the recipe", () => {
  it("changes with what goes into the image, and with what it is built on", () => {
    const mirror = { ...host, mirror: "http://other.example/debian" };
    expect(recipeOf("debian", mirror)).not.toBe(recipeOf("debian", host));
    expect(recipeOf("python", mirror)).not.toBe(recipeOf("python", host));
    const registry = { ...host, npmRegistry: "https://npm.example/" };
    expect(recipeOf("node", registry)).not.toBe(recipeOf("node", host));
    expect(recipeOf("python", registry)).toBe(recipeOf("python", host));
    const node = { ...host, nodeVersion: "24.22.0" };
    expect(recipeOf("node", node)).not.toBe(recipeOf("node", host));
    expect(recipeOf("debian", node)).toBe(recipeOf("debian", host));
  });

  it("of an image on another stand-in changes with that one", () => {
    expect(baseImageNames.filter((name) => baseOf(name) === "postgres")).toEqual(["timescaledb"]);
    const mirror = { ...host, mirror: "http://other.example/debian" };
    expect(recipeOf("timescaledb", mirror)).not.toBe(recipeOf("timescaledb", host));
    expect(new Set(baseImageNames.map((name) => recipeOf(name, host))).size).toBe(baseImageNames.length);
  });

  it("exists for every base image, each built on one before it", () => {
    expect(baseImageNames.toSorted()).toEqual(Object.keys(officialImages).toSorted());
    for (const [index, name] of baseImageNames.entries()) {
      const on = baseOf(name);
      if (on !== undefined) expect(baseImageNames.slice(0, index)).toContain(on);
    }
  });

  it("says in its labels what the image is, and that it is not the official one", () => {
    expect(labelsOf("python", host, "2026-01-01T00:00:00Z")).toEqual({
      "org.opencontainers.image.title": "mcp-airgap/python:3.13",
      "org.opencontainers.image.description":
        "Stand-in for python:3.13-slim-trixie where no image registry answers: Python 3.13 from Debian's packages on mcp-airgap/debian:13",
      "org.opencontainers.image.created": "2026-01-01T00:00:00Z",
      [RECIPE_LABEL]: recipeOf("python", host),
    });
  });

  it("copies the host's npm registry only where it has another than the public one", () => {
    expect(dockerfileOf("node", host)).not.toContain("npmrc");
    expect(dockerfileOf("node", { ...host, npmRegistry: "https://npm.example/" })).toContain(
      "COPY npmrc /usr/local/etc/npmrc\n",
    );
  });

  it("writes apt's sources", () => {
    expect(sources(host, ["trixie", "trixie-updates"], true)).toBe(
      [
        "Types: deb",
        "URIs: http://mirror.example/debian",
        "Suites: trixie trixie-updates",
        "Components: main",
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg",
        "",
        "Types: deb",
        "URIs: http://mirror.example/debian-security",
        "Suites: trixie-security",
        "Components: main",
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg",
        "",
      ].join("\n"),
    );
    expect(sources(host, ["trixie"], false)).not.toContain("security");
  });
});

describe("an index of packages", () => {
  it.each([
    ["https://registry.npmjs.org/\n", undefined],
    ["https://npm.example/repo", "https://npm.example/repo/"],
    ["https://me:secret@npm.example/", undefined],
    ["undefined", undefined],
    ["file:///srv/npm", undefined],
    ["", undefined],
  ])("%j is taken along as %j", (address, expected) => {
    expect(otherIndex(address, "https://registry.npmjs.org")).toBe(expected);
  });
});

describe("Go's settings", () => {
  it.each([
    [{ GOPROXY: "https://proxy.golang.org,direct", GOSUMDB: "sum.golang.org" }, {}],
    [
      { GOPROXY: "https://go.example/mod,direct", GOSUMDB: "off" },
      { GOPROXY: "https://go.example/mod,direct", GOSUMDB: "off" },
    ],
    [{ GOPROXY: "https://me:secret@go.example/mod" }, {}],
    [{ GOPROXY: "file:///srv/mod" }, {}],
    [{}, { GOPROXY: "https://env.example" }],
  ])("%j are taken along as %j", (said, expected) => {
    expect(otherGoEnvironment(JSON.stringify(said), { GOPROXY: "https://env.example", HOME: "/root" })).toEqual(
      expected,
    );
  });

  it("are set in the image", () => {
    expect(dockerfileOf("golang", { ...host, goEnvironment: { GOPROXY: "https://go.example" } })).toContain(
      "\nENV GOPROXY=https://go.example\n",
    );
  });
});

describe("what the engine streams while it builds", () => {
  const step = { say: () => {}, tail: () => {}, state: () => {} };
  const streamed = (...events: object[]) => Readable.from(events.map((event) => `${JSON.stringify(event)}\n`));

  it("ends well without an error", async () => {
    await expect(follow(new Docker(), streamed({ stream: "Step 1/1\n" }), step)).resolves.toBeUndefined();
  });

  it("fails with the engine's error and the lines before it", async () => {
    const events = streamed({ stream: "Step 1/1\n" }, { errorDetail: { code: 127 }, error: "returned 127" });
    await expect(follow(new Docker(), events, step)).rejects.toThrow("Step 1/1\nreturned 127");
  });
});

describe("certificates", () => {
  const [a = "", b = "", c = ""] = rootCertificates;

  it("of the host alone are those that no package brought, each once", () => {
    const bundle = [a, b, c, b].join("\n");
    expect(addedCertificates(bundle, [`${a}\n`])).toEqual([b, c]);
    expect(addedCertificates(bundle, [[a, b].join("\n"), c])).toEqual([]);
  });

  it("are found among comments", () => {
    expect(splitPem(`# A\n${a}\n\n# B\n${b}\n`)).toEqual([a, b]);
    expect(splitPem("")).toEqual([]);
  });
});

it("no machine's mirror is in the recipe's source", () => {
  const source = readFileSync(new URL("../../airgap/stand-ins.ts", import.meta.url), "utf8");
  expect(source).not.toMatch(/https?:\/\//);
});
