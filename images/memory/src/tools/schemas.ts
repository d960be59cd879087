import { z } from "zod";

/** What several tools take or answer. Names and descriptions are those of the reference server. */
export const entity = z.object({
  name: z.string().describe("The name of the entity"),
  entityType: z.string().describe("The type of the entity"),
  observations: z.array(z.string()).describe("An array of observation contents associated with the entity"),
});

export const relation = z.object({
  from: z.string().describe("The name of the entity where the relation starts"),
  to: z.string().describe("The name of the entity where the relation ends"),
  relationType: z.string().describe("The type of the relation"),
});

/** Not in the reference: without them everything is answered at once, as there. */
export const pageArguments = {
  limit: z
    .int()
    .min(1)
    .max(1000)
    .optional()
    .describe("Answer at most this many at once, and `nextCursor` if there are more"),
  cursor: z.string().max(64).optional().describe("`nextCursor` of the page before"),
};

export const graph = z.object({ entities: z.array(entity), relations: z.array(relation) });

export const graphPage = graph.extend({
  nextCursor: z.string().optional().describe("There is more: the `cursor` of the next page"),
});

export const success = z.object({ success: z.boolean(), message: z.string() });
