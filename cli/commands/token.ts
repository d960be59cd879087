import { nearest } from "../../config/nearest.ts";
import { UsageError } from "../arguments.ts";
import { type Command, DEFAULT_STACK, stackOption } from "../command.ts";
import { createProgress } from "../progress.ts";
import { readOutputs } from "../stack.ts";
import { prepareToolchain } from "../toolchain.ts";

/** `npm run --silent token -- <server>`: the one place that prints a token, and only because that was asked for. */
export const token: Command = {
  name: "token",
  summary: "Prints the bearer token of a server, for use in a client's header.",
  options: { ...stackOption },
  passes: "nothing",
  takes: "server",
  async run({ strings, argument }) {
    const stack = strings.stack ?? DEFAULT_STACK;
    const quiet = createProgress(process.stderr, true);
    const toolchain = await prepareToolchain({ engine: false, progress: quiet });
    const { tokens = {} } = await readOutputs(toolchain, stack);
    const found = tokens[argument ?? ""];
    if (found === undefined) {
      const names = Object.keys(tokens);
      const guess = nearest(argument ?? "", names);
      throw new UsageError(
        `token: stack ${stack} has no server "${argument}"${guess ? `; did you mean "${guess}"?` : ""}; servers: ${names.join(", ")}`,
      );
    }
    console.log(found);
    return 0;
  },
};
