import type { Options } from "./options.ts";

/** What is wrong with options that are each fine by themselves. A value that was not valid is undefined here. */
export function contradictions(options: Partial<Options>): string[] {
  return toolsOnBothLists(options);
}

function toolsOnBothLists({ allowedTool = [], deniedTool = [] }: Partial<Options>): string[] {
  const both = deniedTool.filter((tool) => allowedTool.includes(tool));
  return both.map(
    (tool) =>
      `--denied-tool (MCP_DENIED_TOOLS): "${tool}" is on --allowed-tool (MCP_ALLOWED_TOOLS) too; take it off one of them.`,
  );
}
