import { z } from "zod";
import { graphPage, pageArguments } from "./schemas.ts";
import { defineTool, graphAnswer } from "./tool.ts";

export const searchNodes = defineTool({
  name: "search_nodes",
  title: "Search Nodes",
  description: "Search for nodes in the knowledge graph based on a query",
  input: z.object({
    query: z.string().describe("The search query to match against entity names, types, and observation content"),
    mode: z
      .enum(["substring", "words"])
      .optional()
      .describe(
        "`substring` (default): the query is a part of one text, in any case. `words`: all its words are there, in any " +
          'order, over all texts of an entity; "quoted phrases", `or` and `-without` work',
      ),
    ...pageArguments,
  }),
  output: graphPage,
  kind: "read",
  run: async (store, { query, mode, ...page }) => graphAnswer(await store.searchNodes(query, mode, page)),
});
