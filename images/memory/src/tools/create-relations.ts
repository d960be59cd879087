import { z } from "zod";
import { relation } from "./schemas.ts";
import { defineTool, print } from "./tool.ts";

export const createRelations = defineTool({
  name: "create_relations",
  title: "Create Relations",
  description:
    "Create multiple new relations between entities in the knowledge graph. Relations should be in active voice",
  input: z.object({ relations: z.array(relation) }),
  output: z.object({ relations: z.array(relation) }),
  kind: "add",
  run: async (store, { relations }) => {
    const made = await store.createRelations(relations);
    return { text: print(made), value: { relations: made } };
  },
});
