import { join } from "node:path";
import type { Command } from "../command.ts";
import { nodeBinary, projectFolder } from "../paths.ts";
import { runAttached } from "../run.ts";
import { prepareToolchain } from "../toolchain.ts";

/** The levels of tests that need no engine. */
const ENGINELESS = new Set(["unit", "conformance", "load"]);

/** Whether a test run needs engine and Pulumi: unless it is confined to levels that do not. */
export function needsToolchain(args: readonly string[]): boolean {
  const projects = args.flatMap((argument, index) => {
    if (argument === "--project") return [args[index + 1] ?? ""];
    return argument.startsWith("--project=") ? [argument.slice("--project=".length)] : [];
  });
  return projects.length === 0 || !projects.every((project) => ENGINELESS.has(project));
}

async function environment(): Promise<NodeJS.ProcessEnv> {
  const { env, baseImages } = await prepareToolchain();
  return { ...env, MCP_BASE_IMAGES: JSON.stringify(baseImages) };
}

/** `npm test`: the tests, with the tools that those on a real engine need. */
export const test: Command = {
  name: "test",
  summary: "Sets up what is missing and runs the tests.",
  options: {},
  passes: "all",
  notes: ["arguments go to vitest: npm test -- --project unit   (needs no engine, sets nothing up)"],
  async run({ rest }) {
    const env = needsToolchain(rest) ? await environment() : process.env;
    const vitest = join(projectFolder, "node_modules", "vitest", "vitest.mjs");
    return runAttached(nodeBinary, [vitest, "run", ...rest], { env, cwd: projectFolder });
  },
};

/** `npm run bench`: the measurements; they set up what is missing themselves, to measure that too. */
export const bench: Command = {
  name: "bench",
  summary: "Sets up what is missing and runs the measurements.",
  options: {},
  passes: "all",
  notes: [
    "npm run bench -- --runs 3   measures the stack from nothing to up; --runs: 1 to 20, default 5",
    "npm run bench -- bridge     measures the bridge beside its peers; has a --help of its own",
  ],
  run: ({ rest }) =>
    runAttached(nodeBinary, [join(projectFolder, "bench", "main.ts"), ...rest], {
      env: process.env,
      cwd: projectFolder,
    }),
};
