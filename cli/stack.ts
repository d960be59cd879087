/** Stacks by means of the Pulumi CLI: choosing, making, configuring, and reading their outputs. */
import { existsSync } from "node:fs";
import { nearest } from "../config/nearest.ts";
import type { StackOutputs } from "../outputs/contract.ts";
import { projectFolder } from "./paths.ts";
import { removePending } from "./pending.ts";
import { type Progress, SetupError } from "./progress.ts";
import { type Answer, ask } from "./run.ts";
import { configuredImages, removeIdleSalt, stackFile, stacksWithFile } from "./stack-file.ts";
import type { Toolchain } from "./toolchain.ts";

const ANSWER_MS = 120_000;

/** Asks Pulumi something in the project's folder. */
export function askPulumi({ env }: Pick<Toolchain, "env">, ...args: string[]): Promise<Answer> {
  return ask("pulumi", [...args, "--non-interactive"], { env, cwd: projectFolder, timeout: ANSWER_MS });
}

/** Whether the backend has the stack; it is then the selected one. */
export async function selectStack(toolchain: Toolchain, stack: string): Promise<boolean> {
  const { ok, stderr } = await askPulumi(toolchain, "stack", "select", stack);
  if (!ok && !/no stack named/.test(stderr)) {
    throw new SetupError(`cannot select stack ${stack} in ${toolchain.backend.description}`, {
      logTail: stderr.trim().split("\n"),
    });
  }
  return ok;
}

/** A name with neither a file here nor a stack in the backend is more likely mistyped than new. */
export function unknownStack(stack: string, known = stacksWithFile()): SetupError {
  const guess = nearest(stack, known);
  return new SetupError(
    `no stack "${stack}": there is no Pulumi.${stack}.yaml${guess ? `; did you mean "${guess}"?` : ""}`,
    {
      remedy: `name one of: ${known.join(", ")}; or begin a new one: cp Pulumi.dev.yaml Pulumi.${stack}.yaml`,
    },
  );
}

/** Selects the stack, makes it first where the backend has none, and writes the stand-ins' names into its file. */
export async function prepareStack(toolchain: Toolchain, stack: string, progress: Progress): Promise<void> {
  await progress.step("stack", async (step) => {
    const exists = await selectStack(toolchain, stack);
    if (!exists) {
      if (!existsSync(stackFile(stack))) throw unknownStack(stack);
      if (toolchain.backend.ownPassphrase && removeIdleSalt(stack)) {
        step.say(`dropped the encryption salt of another passphrase from Pulumi.${stack}.yaml; it held no secrets`);
      }
      step.say(`making stack ${stack} in ${toolchain.backend.description}`);
      const { ok, stderr } = await askPulumi(toolchain, "stack", "init", stack);
      // Another run may have made it since it was looked for.
      if (!ok && !/already exists/.test(stderr)) {
        const remedy = passphraseRemedy(stderr, stack);
        throw new SetupError(`cannot make stack ${stack}`, {
          logTail: stderr.trim().split("\n"),
          ...(remedy === undefined ? {} : { remedy }),
        });
      }
    }
    if (exists && toolchain.backend.own) await removePending(stack, toolchain.docker, step);
    const wanted = imageSettings(configuredImages(stack), toolchain.baseImages);
    if (wanted.length === 0) return;
    step.say(
      `writing ${wanted.map(([name, image]) => `mcp:images.${name}: ${image}`).join(", ")} into Pulumi.${stack}.yaml`,
    );
    const pairs = wanted.flatMap(([name, image]) => ["--plaintext", `mcp:images.${name}=${image}`]);
    const { ok, stderr } = await askPulumi(toolchain, "config", "set-all", "--path", "--stack", stack, ...pairs);
    if (!ok) throw new SetupError("cannot write mcp:images", { logTail: stderr.trim().split("\n") });
  });
}

/** What to do about a passphrase that Pulumi misses or refuses. */
export function passphraseRemedy(stderr: string, stack: string): string | undefined {
  if (/passphrase must be set/.test(stderr)) {
    return "the backend is your own: set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE to its passphrase";
  }
  if (/incorrect passphrase/.test(stderr)) {
    return `Pulumi.${stack}.yaml holds secrets of another passphrase: give that one by PULUMI_CONFIG_PASSPHRASE or .mcp/passphrase`;
  }
  return undefined;
}

/** The settings that are not yet as they should be. */
export function imageSettings(
  configured: Readonly<Record<string, string | undefined>>,
  wanted: Readonly<Record<string, string | undefined>>,
): [string, string][] {
  return Object.entries(wanted).flatMap(([name, image]) =>
    image === undefined || configured[name] === image ? [] : [[name, image] as [string, string]],
  );
}

/** The outputs of a stack, secrets in the clear: never to be printed as they are. */
export async function readOutputs(toolchain: Toolchain, stack: string): Promise<Partial<StackOutputs>> {
  const { ok, stdout, stderr } = await askPulumi(
    toolchain,
    "stack",
    "output",
    "--json",
    "--show-secrets",
    "--stack",
    stack,
  );
  if (!ok) throw new SetupError(`cannot read the outputs of stack ${stack}`, { logTail: stderr.trim().split("\n") });
  return JSON.parse(stdout);
}
