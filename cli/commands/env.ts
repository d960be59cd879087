import { wrapperFolder } from "../../airgap/plugins.ts";
import { type Command, DEFAULT_STACK, stackOption } from "../command.ts";
import { createProgress } from "../progress.ts";
import { prepareStack } from "../stack.ts";
import { prepareToolchain } from "../toolchain.ts";

/** Lines for a POSIX shell that set the variables, whatever characters their values hold. */
export function exportLines(variables: Readonly<Record<string, string>>): string {
  return Object.entries(variables)
    .map(([name, value]) => `export ${name}='${value.replaceAll("'", `'\\''`)}'`)
    .join("\n");
}

/** `eval "$(npm run --silent env)"`: plain `pulumi` in this shell. */
export const env: Command = {
  name: "env",
  summary: "Prints `export` lines that make plain `pulumi preview|up|destroy` work in this shell.",
  options: { ...stackOption },
  passes: "nothing",
  notes: ['example: eval "$(npm run --silent env)" && pulumi preview --stack dev   (bash, zsh, sh)'],
  async run({ strings }) {
    const stack = strings.stack ?? DEFAULT_STACK;
    const progress = createProgress(process.stderr, true);
    const toolchain = await prepareToolchain({ stack, progress });
    await prepareStack(toolchain, stack, progress);
    // PATH is put together by the shell: npm has its own folders on the one that it gave to this process.
    const { PATH: _, ...variables } = toolchain.variables;
    console.log(`${exportLines({ PATH: wrapperFolder })}:"$PATH"\n${exportLines(variables)}`);
    return 0;
  },
};
