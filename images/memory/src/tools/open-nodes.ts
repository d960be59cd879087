import { z } from "zod";
import { graph } from "./schemas.ts";
import { defineTool, graphAnswer } from "./tool.ts";

export const openNodes = defineTool({
  name: "open_nodes",
  title: "Open Nodes",
  description: "Open specific nodes in the knowledge graph by their names",
  input: z.object({ names: z.array(z.string()).describe("An array of entity names to retrieve") }),
  output: graph,
  kind: "read",
  run: async (store, { names }) => graphAnswer(await store.openNodes(names)),
});
