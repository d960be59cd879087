import { existsSync } from "node:fs";
import type { Command } from "../command.ts";
import { projectFolder } from "../paths.ts";
import { createProgress } from "../progress.ts";
import { runAttached } from "../run.ts";
import { askPulumi, prepareStack } from "../stack.ts";
import { stackFile } from "../stack-file.ts";
import { prepareToolchain } from "../toolchain.ts";

/** Commands that run the program or ask its providers, and so need the engine. */
const ENGINE_COMMANDS = new Set([
  "up",
  "update",
  "preview",
  "pre",
  "refresh",
  "destroy",
  "dn",
  "down",
  "import",
  "watch",
]);

/** Those of them that may build images. */
const IMAGE_COMMANDS = new Set(["up", "update", "preview", "pre", "watch"]);

/** Which parts of the set-up a Pulumi command needs, and the stack that it names. */
export function readPulumiCommand(args: readonly string[]): {
  engine: boolean;
  images: boolean;
  stack: string | undefined;
} {
  const command = args.find((argument) => !argument.startsWith("-")) ?? "";
  let stack: string | undefined;
  for (const [index, argument] of args.entries()) {
    if (argument === "--stack" || argument === "-s") stack = args[index + 1];
    else if (argument.startsWith("--stack=")) stack = argument.slice("--stack=".length);
  }
  return { engine: ENGINE_COMMANDS.has(command), images: IMAGE_COMMANDS.has(command), stack };
}

/** `npm run pulumi -- …`: any Pulumi command with the right tools, backend and passphrase. */
export const pulumi: Command = {
  name: "pulumi",
  summary: "Runs any Pulumi command with the right tools, backend and passphrase in place.",
  options: {},
  passes: "all",
  notes: ["examples: npm run pulumi -- preview --stack dev", "          npm run pulumi -- help"],
  async run({ rest }) {
    const { engine, images, stack } = readPulumiCommand(rest);
    const progress = createProgress(process.stderr, true);
    const toolchain = await prepareToolchain({ engine, images, progress, ...(stack === undefined ? {} : { stack }) });
    if (images) {
      const chosen = stack ?? (await askPulumi(toolchain, "stack", "--show-name")).stdout.trim();
      if (chosen !== "" && existsSync(stackFile(chosen))) await prepareStack(toolchain, chosen, progress);
    }
    return runAttached("pulumi", rest, { env: toolchain.env, cwd: projectFolder });
  },
};
