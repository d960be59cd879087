import { z } from "zod";
import { graphPage, pageArguments } from "./schemas.ts";
import { defineTool, graphAnswer } from "./tool.ts";

export const readGraph = defineTool({
  name: "read_graph",
  title: "Read Graph",
  description: "Read the entire knowledge graph, or with `limit` a page of it: entities first, then relations",
  input: z.object(pageArguments),
  output: graphPage,
  kind: "read",
  run: async (store, page) => graphAnswer(await store.readGraph(page)),
});
