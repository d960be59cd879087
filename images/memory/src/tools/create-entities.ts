import { z } from "zod";
import { entity } from "./schemas.ts";
import { defineTool, print } from "./tool.ts";

export const createEntities = defineTool({
  name: "create_entities",
  title: "Create Entities",
  description: "Create multiple new entities in the knowledge graph",
  input: z.object({ entities: z.array(entity) }),
  output: z.object({ entities: z.array(entity) }),
  kind: "add",
  run: async (store, { entities }) => {
    const made = await store.createEntities(entities);
    return { text: print(made), value: { entities: made } };
  },
});
