import { z } from "zod";
import { success } from "./schemas.ts";
import { defineTool, done } from "./tool.ts";

export const deleteEntities = defineTool({
  name: "delete_entities",
  title: "Delete Entities",
  description: "Delete multiple entities and their associated relations from the knowledge graph",
  input: z.object({ entityNames: z.array(z.string()).describe("An array of entity names to delete") }),
  output: success,
  kind: "delete",
  run: async (store, { entityNames }) => {
    await store.deleteEntities(entityNames);
    return done("Entities deleted successfully");
  },
});
