import { existsSync } from "node:fs";
import { type Command, DEFAULT_STACK, stackOption } from "../command.ts";
import { aboutData, dataVolumes, removeVolumes, type StateResource } from "../data-volumes.ts";
import { projectFolder } from "../paths.ts";
import { removePending } from "../pending.ts";
import { createProgress } from "../progress.ts";
import { runAttached } from "../run.ts";
import { askPulumi, selectStack, unknownStack } from "../stack.ts";
import { stackFile } from "../stack-file.ts";
import { prepareToolchain } from "../toolchain.ts";

/** `npm run down`: takes away all that `up` made for a stack, and nothing else. */
export const down: Command = {
  name: "down",
  summary: "Takes a stack down: its containers, networks and images. Its configuration and its data stay.",
  options: {
    ...stackOption,
    "delete-data": { type: "boolean", help: "also remove the volumes that hold its data; nothing brings them back" },
  },
  passes: "after --",
  async run({ strings, flags, rest }) {
    const stack = strings.stack ?? DEFAULT_STACK;
    const progress = createProgress(process.stderr, true);
    const toolchain = await prepareToolchain({ images: false, progress });
    if (!(await selectStack(toolchain, stack))) {
      if (!existsSync(stackFile(stack))) throw unknownStack(stack);
      console.log(`stack ${stack} is not in ${toolchain.backend.description}: nothing to take down`);
      return 0;
    }
    if (toolchain.backend.own) {
      await progress.step("stack", (step) => removePending(stack, toolchain.docker, step));
    }
    const { ok, stdout } = await askPulumi(toolchain, "stack", "export", "--stack", stack);
    const resources: StateResource[] = ok ? (JSON.parse(stdout).deployment?.resources ?? []) : [];
    if (ok && resources.length === 0) {
      console.log(`stack ${stack} has nothing: nothing to take down`);
      return 0;
    }
    // --refresh: what was already removed behind Pulumi's back is no error.
    const args = ["destroy", "--yes", "--refresh", "--skip-preview", "--suppress-outputs", "--stack", stack, ...rest];
    const code = await runAttached("pulumi", args, { env: toolchain.env, cwd: projectFolder });
    if (code !== 0) return code;
    const volumes = dataVolumes(resources);
    if (flags["delete-data"]) await removeVolumes(toolchain.docker, volumes);
    console.log(`\n${aboutData(volumes, flags["delete-data"] ?? false)}`);
    console.log(
      `kept: Pulumi.${stack}.yaml, the Docker engine, base images and tools; \`npm run clean\` removes the stand-in images and tools`,
    );
    return 0;
  },
};
