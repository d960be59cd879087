import { z } from "zod";
import { defineTool, print } from "./tool.ts";

export const addObservations = defineTool({
  name: "add_observations",
  title: "Add Observations",
  description: "Add new observations to existing entities in the knowledge graph",
  input: z.object({
    observations: z.array(
      z.object({
        entityName: z.string().describe("The name of the entity to add the observations to"),
        contents: z.array(z.string()).describe("An array of observation contents to add"),
      }),
    ),
  }),
  output: z.object({
    results: z.array(z.object({ entityName: z.string(), addedObservations: z.array(z.string()) })),
  }),
  kind: "add",
  run: async (store, { observations }) => {
    const results = await store.addObservations(observations);
    return { text: print(results), value: { results } };
  },
});
