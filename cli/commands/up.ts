import { type Command, DEFAULT_STACK, installOption, stackOption } from "../command.ts";
import { projectFolder } from "../paths.ts";
import { createProgress } from "../progress.ts";
import { runAttached } from "../run.ts";
import { prepareStack, readOutputs } from "../stack.ts";
import { askServers } from "../status.ts";
import { renderStatus } from "../table.ts";
import { prepareToolchain } from "../toolchain.ts";

/** `npm run up`: everything the stack needs, then `pulumi up`, then whether the servers really answer. */
export const up: Command = {
  name: "up",
  summary: "Sets up what is missing, runs `pulumi up`, and shows where the servers answer.",
  options: { ...stackOption, ...installOption },
  passes: "after --",
  notes: ["example: npm run up -- --stack prod -- --parallel 2"],
  async run({ strings, flags, rest }) {
    const stack = strings.stack ?? DEFAULT_STACK;
    const progress = createProgress();
    const toolchain = await prepareToolchain({ stack, install: !flags["no-install"], progress });
    await prepareStack(toolchain, stack, progress);
    // --refresh sees what was removed behind Pulumi's back; nobody is asked, so the preview would only be shown twice.
    const args = ["up", "--yes", "--refresh", "--skip-preview", "--suppress-outputs", "--stack", stack, ...rest];
    const code = await runAttached("pulumi", args, { env: toolchain.env, cwd: projectFolder });
    if (code !== 0) return code;
    const statuses = await askServers(await readOutputs(toolchain, stack), toolchain.docker);
    console.log(`\n${renderStatus(statuses, stack)}`);
    return statuses.every(({ ok }) => ok) ? 0 : 1;
  },
};
