import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { catalogue } from "../../components/catalogue.ts";
import { repository } from "./fixtures.ts";

describe("the catalogue", () => {
  test.each(["name", "port", "uid"] as const)("has no %s twice", (key) => {
    const values = catalogue.map((definition) => definition[key]);
    expect(new Set(values).size).toBe(values.length);
  });

  test("is in the order of the host ports", () => {
    const ports = catalogue.map(({ port }) => port);
    expect(ports).toEqual([...ports].sort((a, b) => a - b));
  });

  test.each(catalogue.map(({ name }) => name))("%s has an image that says what its build reads", (name) => {
    for (const file of ["Dockerfile", ".dockerignore"])
      expect(existsSync(join(repository, "images", name, file)), file).toBe(true);
  });
});
