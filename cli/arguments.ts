/** The command line, read: which command, its options, and what is passed on. Nothing here runs anything. */
import { type ParseArgsOptionsConfig, parseArgs } from "node:util";
import { nearest } from "../config/nearest.ts";

/** A command line that cannot be meant; ends with exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** How a command's own part of the command line looks. */
export interface CommandSyntax {
  name: string;
  /** One line for the list of commands. */
  summary: string;
  /** Options of its own, with a line each for `--help`. */
  options: Record<string, { type: "string" | "boolean"; value?: string; help: string }>;
  /** What else is passed on: nothing, what follows `--`, or all of it. */
  passes: "nothing" | "after --" | "all";
  /** What its one argument is, if it takes one. */
  takes?: string;
  /** Further lines for `--help`. */
  notes?: string[];
}

/** What a command gets. */
export interface ParsedArguments {
  help: boolean;
  strings: Record<string, string | undefined>;
  flags: Record<string, boolean>;
  /** The one argument, for a command that takes one. */
  argument: string | undefined;
  /** Arguments for the program that the command starts. */
  rest: string[];
}

/** The command of that name. */
export function findCommand<T extends CommandSyntax>(commands: readonly T[], name: string): T {
  const command = commands.find((candidate) => candidate.name === name);
  if (command !== undefined) return command;
  const names = commands.map((candidate) => candidate.name);
  throw new UsageError(`unknown command "${name}"${suggest(name, names)}; commands: ${names.join(", ")}`);
}

/** Reads a command's arguments, those after its name. */
export function parseArguments(
  syntax: CommandSyntax,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): ParsedArguments {
  const none = { help: false, strings: {}, flags: {}, argument: undefined, rest: [] };
  if (syntax.passes === "all") {
    if (args.length === 1 && isHelp(args[0])) return { ...none, help: true };
    return { ...none, rest: args[0] === "--" ? args.slice(1) : [...args] };
  }
  const end = args.indexOf("--");
  const own = end < 0 ? args : args.slice(0, end);
  const rest = end < 0 ? [] : args.slice(end + 1);
  if (rest.length > 0 && syntax.passes === "nothing") throw new UsageError(`${syntax.name}: nothing may follow \`--\``);
  refuseSwallowed(syntax, env);
  const options: ParseArgsOptionsConfig = { help: { type: "boolean", short: "h" } };
  for (const [name, { type }] of Object.entries(syntax.options)) options[name] = { type };
  const { tokens } = parseArgs({ args: [...own], options, strict: false, tokens: true });
  const parsed: ParsedArguments = { ...none, strings: {}, flags: {}, rest };
  for (const token of tokens) {
    if (token.kind === "positional") {
      if (syntax.takes === undefined || parsed.argument !== undefined) {
        throw new UsageError(`${syntax.name}: unexpected argument "${token.value}"`);
      }
      parsed.argument = token.value;
      continue;
    }
    if (token.kind !== "option") continue;
    const option = options[token.name];
    if (option === undefined) {
      const known = Object.keys(options).map((name) => `--${name}`);
      throw new UsageError(`${syntax.name}: unknown option "${token.rawName}"${suggest(token.rawName, known)}`);
    }
    if (token.name === "help") parsed.help = true;
    else if (option.type === "boolean") {
      if (token.value !== undefined) throw new UsageError(`${syntax.name}: --${token.name} takes no value`);
      parsed.flags[token.name] = true;
    } else {
      if (!token.value || token.value.startsWith("-"))
        throw new UsageError(`${syntax.name}: --${token.name} needs a value`);
      parsed.strings[token.name] = token.value;
    }
  }
  if (syntax.takes !== undefined && parsed.argument === undefined && !parsed.help) {
    throw new UsageError(`${syntax.name}: name a ${syntax.takes}`);
  }
  return parsed;
}

/** npm takes options that come before `--` for its own: silently another stack than the one meant. */
function refuseSwallowed(syntax: CommandSyntax, env: NodeJS.ProcessEnv): void {
  for (const [name, { type }] of Object.entries(syntax.options)) {
    const value = env[`npm_config_${name.replaceAll("-", "_")}`];
    if (type !== "string" || !value) continue;
    throw new UsageError(
      `${syntax.name}: npm kept --${name} for itself; write: npm run ${syntax.name} -- --${name} ${value}`,
    );
  }
}

/** Text of `--help` for one command. */
export function commandHelp(syntax: CommandSyntax): string {
  const options = Object.entries(syntax.options).map(
    ([name, { value, help }]) => [`--${name}${value === undefined ? "" : ` ${value}`}`, help] as const,
  );
  const shape = {
    nothing: "",
    "after --": " [-- arguments for pulumi]",
    all: " [arguments]",
  }[syntax.passes];
  const own = [syntax.takes && `<${syntax.takes}>`, options.length > 0 && "[options]"].filter(Boolean).join(" ");
  const usage = `npm run ${syntax.name}${own ? ` -- ${own}` : shape && " --"}${shape}`;
  return [
    usage,
    "",
    syntax.summary,
    ...section("options", options),
    ...(syntax.notes ? ["", ...syntax.notes] : []),
  ].join("\n");
}

/** Text of `--help` for all commands. */
export function overviewHelp(commands: readonly CommandSyntax[]): string {
  const rows = commands.map(({ name, summary }) => [name, summary] as const);
  return [
    "npm run <command> [-- arguments]",
    ...section("commands", rows),
    "",
    "npm run <command> -- --help says more.",
  ].join("\n");
}

function section(title: string, rows: readonly (readonly [string, string])[]): string[] {
  if (rows.length === 0) return [];
  const width = Math.max(...rows.map(([left]) => left.length));
  return ["", `${title}:`, ...rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`)];
}

function suggest(word: string, known: string[]): string {
  const best = nearest(word, known);
  return best === undefined ? "" : `; did you mean "${best}"?`;
}

function isHelp(argument: string | undefined): boolean {
  return argument === "--help" || argument === "-h";
}
