import { z } from "zod";
import { relation, success } from "./schemas.ts";
import { defineTool, done } from "./tool.ts";

export const deleteRelations = defineTool({
  name: "delete_relations",
  title: "Delete Relations",
  description: "Delete multiple relations from the knowledge graph",
  input: z.object({ relations: z.array(relation).describe("An array of relations to delete") }),
  output: success,
  kind: "delete",
  run: async (store, { relations }) => {
    await store.deleteRelations(relations);
    return done("Relations deleted successfully");
  },
});
