import { addObservations } from "./add-observations.ts";
import { createEntities } from "./create-entities.ts";
import { createRelations } from "./create-relations.ts";
import { deleteEntities } from "./delete-entities.ts";
import { deleteObservations } from "./delete-observations.ts";
import { deleteRelations } from "./delete-relations.ts";
import { openNodes } from "./open-nodes.ts";
import { readGraph } from "./read-graph.ts";
import { searchNodes } from "./search-nodes.ts";
import type { MemoryTool } from "./tool.ts";

/** Every tool, in the order of the reference server. */
export const tools: readonly MemoryTool[] = [
  createEntities,
  createRelations,
  addObservations,
  deleteEntities,
  deleteObservations,
  deleteRelations,
  readGraph,
  searchNodes,
  openNodes,
];
