import type { OptionSpec } from "./option-kinds.ts";
import { OPTION_TABLE, type OptionName } from "./option-table.ts";

/** A server that runs in this process, as far as options are concerned. */
export interface Hosting {
  readonly name: string;
}

export type OptionSpecs = Partial<Record<OptionName, OptionSpec>>;

/** Options about processes: a server in this process has none. */
const OF_PROCESSES: ReadonlySet<string> = new Set<OptionName>(["childMode", "warmChildren"]);

/** The options that there are: all of them, or those of a hosted server. */
export function optionSet(hosted: Hosting | undefined): OptionSpecs {
  if (hosted === undefined) return OPTION_TABLE;
  return Object.fromEntries(Object.entries(OPTION_TABLE).filter(([name]) => !OF_PROCESSES.has(name)));
}
