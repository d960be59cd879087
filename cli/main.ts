/** The commands behind the npm scripts: `node cli/main.ts <command> [arguments]`. */
import { commandHelp, findCommand, overviewHelp, parseArguments, UsageError } from "./arguments.ts";
import type { Command } from "./command.ts";
import { clean } from "./commands/clean.ts";
import { doctor } from "./commands/doctor.ts";
import { down } from "./commands/down.ts";
import { env } from "./commands/env.ts";
import { pulumi } from "./commands/pulumi.ts";
import { bench, test } from "./commands/test.ts";
import { token } from "./commands/token.ts";
import { up } from "./commands/up.ts";
import { SetupError } from "./progress.ts";

const commands: Command[] = [up, down, doctor, pulumi, env, token, clean, test, bench];

async function main([name, ...args]: string[]): Promise<number> {
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    console.log(overviewHelp(commands));
    return 0;
  }
  const command = findCommand(commands, name);
  const parsed = parseArguments(command, args, process.env);
  if (parsed.help) {
    console.log(commandHelp(command));
    return 0;
  }
  return command.run(parsed);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof UsageError) {
    console.error(error.message);
    process.exitCode = 2;
  } else if (error instanceof SetupError) {
    console.error(error.render());
    process.exitCode = 1;
  } else throw error;
}
