import { expect, it } from "vitest";
import { pendingCreations } from "../../cli/pending.ts";

it("knows what was being made when Pulumi was killed, and what is in the state", () => {
  const container = "docker:index/container:Container";
  const state = {
    checkpoint: {
      latest: {
        resources: [{ type: "pulumi:pulumi:Stack" }, { type: container, id: "kept" }],
        pending_operations: [
          { type: "creating", resource: { type: container, inputs: { name: "mcp-a", image: "sha256:1" } } },
          // A name that the engine was to choose is unknown; one that is being deleted is still in the state.
          { type: "creating", resource: { type: container, inputs: { image: "sha256:1" } } },
          { type: "deleting", resource: { type: container, inputs: { name: "mcp-b", image: "sha256:1" } } },
          { type: "creating", resource: { type: "docker:index/network:Network", inputs: { name: "mcp-a" } } },
          { type: "creating", resource: { type: "random:index/randomPassword:RandomPassword", inputs: {} } },
        ],
      },
    },
  };
  expect(pendingCreations(state)).toEqual({
    containers: [{ name: "mcp-a", image: "sha256:1" }],
    networks: ["mcp-a"],
    known: new Set(["kept"]),
  });
  expect(pendingCreations({})).toEqual({ containers: [], networks: [], known: new Set() });
});
