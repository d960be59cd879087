import type { z } from "zod";
import type { GraphStore } from "../graph/store.ts";

/** What a tool answers: as text, and the same as a value. */
export interface Answer {
  readonly text: string;
  readonly value: Readonly<Record<string, unknown>>;
}

/** One tool. Its arguments have been checked when `run` gets them. */
export interface MemoryTool<Shape extends z.ZodRawShape = z.ZodRawShape> {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly input: z.ZodObject<Shape>;
  readonly output: z.ZodObject;
  readonly kind: "read" | "add" | "delete";
  readonly run: (store: GraphStore, input: z.output<z.ZodObject<Shape>>) => Promise<Answer>;
}

/** Checks a tool's types where it is written, then forgets them so that a registry can list it. */
export function defineTool<Shape extends z.ZodRawShape>(tool: MemoryTool<Shape>): MemoryTool {
  return tool as unknown as MemoryTool;
}

/** As the reference server prints. */
export const print = (value: unknown): string => JSON.stringify(value, null, 2);

/** An answer of words alone. */
export const done = (message: string): Answer => ({ text: message, value: { success: true, message } });

/** A graph, or a page of one. */
export const graphAnswer = (graph: object): Answer => ({ text: print(graph), value: { ...graph } });
