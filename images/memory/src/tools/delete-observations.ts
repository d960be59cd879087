import { z } from "zod";
import { success } from "./schemas.ts";
import { defineTool, done } from "./tool.ts";

export const deleteObservations = defineTool({
  name: "delete_observations",
  title: "Delete Observations",
  description: "Delete specific observations from entities in the knowledge graph",
  input: z.object({
    deletions: z.array(
      z.object({
        entityName: z.string().describe("The name of the entity containing the observations"),
        observations: z.array(z.string()).describe("An array of observations to delete"),
      }),
    ),
  }),
  output: success,
  kind: "delete",
  run: async (store, { deletions }) => {
    await store.deleteObservations(deletions);
    return done("Observations deleted successfully");
  },
});
