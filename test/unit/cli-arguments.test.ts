import { describe, expect, it } from "vitest";
import {
  type CommandSyntax,
  commandHelp,
  findCommand,
  overviewHelp,
  parseArguments,
  UsageError,
} from "../../cli/arguments.ts";

const up: CommandSyntax = {
  name: "up",
  summary: "Brings it up.",
  options: {
    stack: { type: "string", value: "NAME", help: "stack, default dev" },
    "no-install": { type: "boolean", help: "install nothing" },
  },
  passes: "after --",
};
const clean: CommandSyntax = { name: "clean", summary: "Cleans.", options: {}, passes: "nothing" };
const pulumi: CommandSyntax = { name: "pulumi", summary: "Runs Pulumi.", options: {}, passes: "all" };
const token: CommandSyntax = { name: "token", summary: "Prints it.", options: {}, passes: "nothing", takes: "server" };

const message = (run: () => unknown) => {
  try {
    run();
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  throw new Error("nothing was refused");
};

describe("arguments", () => {
  it("reads options in both spellings and hands on what follows --", () => {
    expect(parseArguments(up, ["--stack", "prod", "--no-install", "--", "--parallel", "2"])).toEqual({
      help: false,
      strings: { stack: "prod" },
      flags: { "no-install": true },
      argument: undefined,
      rest: ["--parallel", "2"],
    });
    expect(parseArguments(up, ["--stack=prod"]).strings).toEqual({ stack: "prod" });
  });

  it("hands on everything of a command that only wraps another program", () => {
    expect(parseArguments(pulumi, ["up", "--help", "-s", "dev"]).rest).toEqual(["up", "--help", "-s", "dev"]);
    expect(parseArguments(pulumi, ["--", "stack", "ls"]).rest).toEqual(["stack", "ls"]);
    expect(parseArguments(pulumi, ["--help"])).toMatchObject({ help: true, rest: [] });
  });

  it("takes the one argument of a command that has one", () => {
    expect(parseArguments(token, ["filesystem"]).argument).toBe("filesystem");
    expect(message(() => parseArguments(token, []))).toBe("token: name a server");
    expect(message(() => parseArguments(token, ["a", "b"]))).toBe('token: unexpected argument "b"');
    expect(parseArguments(token, ["--help"]).help).toBe(true);
  });

  it.each([
    [["--stak", "prod"], 'up: unknown option "--stak"; did you mean "--stack"?'],
    [["--frobnicate"], 'up: unknown option "--frobnicate"'],
    [["prod"], 'up: unexpected argument "prod"'],
    [["--stack"], "up: --stack needs a value"],
    [["--stack", "--no-install"], "up: --stack needs a value"],
    [["--no-install=yes"], "up: --no-install takes no value"],
  ])("refuses %j", (args, expected) => {
    expect(message(() => parseArguments(up, args))).toBe(expected);
  });

  it("refuses arguments for another program where none is started", () => {
    expect(message(() => parseArguments(clean, ["--", "x"]))).toBe("clean: nothing may follow `--`");
  });

  it("notices an option that npm has kept for itself, before the wrong stack is touched", () => {
    expect(message(() => parseArguments(up, [], { npm_config_stack: "prod" }))).toBe(
      "up: npm kept --stack for itself; write: npm run up -- --stack prod",
    );
  });

  it("finds a command or names the nearest one", () => {
    expect(findCommand([up, clean], "clean")).toBe(clean);
    expect(message(() => findCommand([up, clean], "claen"))).toBe(
      'unknown command "claen"; did you mean "clean"?; commands: up, clean',
    );
  });
});

describe("help", () => {
  it("shows how a command is written, with npm's own `--`", () => {
    expect(commandHelp(up).split("\n")).toEqual([
      "npm run up -- [options] [-- arguments for pulumi]",
      "",
      "Brings it up.",
      "",
      "options:",
      "  --stack NAME  stack, default dev",
      "  --no-install  install nothing",
    ]);
    expect(commandHelp(pulumi).split("\n")[0]).toBe("npm run pulumi -- [arguments]");
    expect(commandHelp(token).split("\n")[0]).toBe("npm run token -- <server>");
    expect(commandHelp(clean).split("\n")[0]).toBe("npm run clean");
  });

  it("lists the commands", () => {
    expect(overviewHelp([up, clean])).toContain("  up     Brings it up.\n  clean  Cleans.");
  });
});
