import { describe, expect, test } from "vitest";
import { aboutData, dataVolumes } from "../../cli/data-volumes.ts";

const volume = "docker:index/volume:Volume";

describe("dataVolumes", () => {
  test("are the volumes that Pulumi leaves, and nothing else", () => {
    expect(
      dataVolumes([
        { type: volume, retainOnDelete: true, outputs: { name: "mcp-backend-postgres-data" } },
        { type: volume, outputs: { name: "cache" } },
        { type: "docker:index/network:Network", retainOnDelete: true, outputs: { name: "net" } },
        { type: volume, retainOnDelete: true },
        { type: "mcp:index:Backend" },
      ]),
    ).toEqual(["mcp-backend-postgres-data"]);
  });
});

describe("aboutData", () => {
  test.each([
    [[], false, "data: the stack kept none"],
    [["a"], false, "kept: data in volume a; `up` takes it over, `down --delete-data` removes it"],
    [["a", "b"], false, "kept: data in volumes a, b; `up` takes it over, `down --delete-data` removes it"],
    [["a", "b"], true, "removed: volumes a, b"],
  ])("%j, removed %s", (volumes, removed, line) => {
    expect(aboutData(volumes, removed)).toBe(line);
  });
});
