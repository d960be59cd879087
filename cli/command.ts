/** What a command is made of, and what several of them share. */
import type { CommandSyntax, ParsedArguments } from "./arguments.ts";

/** A command: how it is written, and what it does. Resolves to the exit code. */
export interface Command extends CommandSyntax {
  run(args: ParsedArguments): Promise<number>;
}

/** The stack that is meant when none is named. */
export const DEFAULT_STACK = "dev";

/** Options that several commands have. */
export const stackOption = {
  stack: { type: "string", value: "NAME", help: `stack, default ${DEFAULT_STACK}` },
} as const;
export const installOption = {
  "no-install": { type: "boolean", help: "install, build, download and start nothing; say what is missing" },
} as const;
