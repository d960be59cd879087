import { basename } from "node:path";
import type { LogLevel } from "./log.ts";
import { contradictions } from "./option-checks.ts";
import type { OptionSpec } from "./option-kinds.ts";
import { type Hosting, type OptionSpecs, optionSet } from "./option-set.ts";
import { OPTION_TABLE, type OptionName } from "./option-table.ts";

/** Everything a bridge can be told, checked and with defaults. Times in milliseconds, sizes in bytes. */
export interface Options {
  readonly port: number;
  readonly host: string;
  readonly name: string;
  readonly childMode: "session" | "shared";
  readonly warmChildren: number;
  readonly maxSessions: number;
  readonly maxInFlight: number;
  readonly maxQueueBytes: number;
  readonly maxBodyBytes: number;
  readonly maxMessageBytes: number;
  readonly eventStoreBytes: number;
  readonly idleTimeout: number;
  readonly requestTimeout: number;
  readonly drainTimeout: number;
  readonly keepAlive: number;
  readonly allowedHost: readonly string[];
  readonly allowedOrigin: readonly string[];
  readonly allowedTool: readonly string[];
  readonly deniedTool: readonly string[];
  readonly stripClientCapability: readonly string[];
  readonly authTokenSha256: readonly string[];
  readonly authTokenFile: string | undefined;
  readonly oauthIssuer: readonly string[];
  readonly oauthResource: string | undefined;
  readonly oauthAudience: readonly string[];
  readonly oauthScope: readonly string[];
  readonly oauthJwksUri: string | undefined;
  readonly stateKeyFile: string | undefined;
  readonly logLevel: LogLevel;
  readonly logRequests: "off" | "on";
  /** Bytes of a payload that a log line may hold; 0 for no payloads. */
  readonly logPayloads: number;
  readonly otlpEndpoint: string | undefined;
  readonly otlpTracesEndpoint: string | undefined;
  /** The stdio command and its arguments. */
  readonly command: readonly string[];
}

export type ParsedOptions =
  | { readonly kind: "run"; readonly options: Options }
  | { readonly kind: "help" }
  | { readonly kind: "version" }
  | { readonly kind: "invalid"; readonly problems: readonly string[] };

/**
 * Reads the command line and the environment; a flag wins over its variable.
 * A server hosted in this process has no command, and not the options about processes.
 * All problems are reported at once, each with option, value, what is allowed, and the remedy.
 */
export function parseOptions(argv: readonly string[], env: NodeJS.ProcessEnv, hosted?: Hosting): ParsedOptions {
  const problems: string[] = [];
  const separator = argv.indexOf("--");
  const flags = separator < 0 ? argv : argv.slice(0, separator);
  const command = separator < 0 ? [] : argv.slice(separator + 1);
  if (flags.includes("--help") || flags.includes("-h")) return { kind: "help" };
  if (flags.includes("--version")) return { kind: "version" };

  const table = optionSet(hosted);
  const given = readFlags(flags, table, problems);
  const values: Record<string, unknown> = {};
  const named = new Set<OptionName>();
  for (const [name, spec] of Object.entries(OPTION_TABLE) as [OptionName, OptionSpec][]) {
    const texts = given.get(name) ?? (name in table ? fromEnvironment(spec, env) : undefined);
    if (texts !== undefined) named.add(name);
    values[name] = texts === undefined ? spec.default : readValue(spec, texts, problems);
  }
  if (hosted !== undefined) {
    if (separator >= 0) {
      const fault = `a command is given, but the server "${hosted.name}" runs in this process`;
      problems.push(`${fault}: take \`--\` and all after it away; to serve a command, use mcp-bridge`);
    }
  } else if (command.length === 0 || command[0] === "") {
    problems.push(
      "no command: write the stdio server's command after `--`, e.g. `mcp-bridge --port 8080 -- node server.js`",
    );
  }
  problems.push(...contradictions(values, named));
  if (problems.length > 0) return { kind: "invalid", problems };
  values.name ??= hosted?.name ?? basename(command[0] ?? "server");
  return { kind: "run", options: { ...values, command } as unknown as Options };
}

function readFlags(flags: readonly string[], table: OptionSpecs, problems: string[]): Map<OptionName, string[]> {
  const byFlag = new Map(Object.entries(table).map(([name, spec]) => [spec.flag, name as OptionName]));
  const given = new Map<OptionName, string[]>();
  for (let i = 0; i < flags.length; i++) {
    const [flag = "", inline] = splitFlag(flags[i] ?? "");
    const name = byFlag.get(flag);
    if (name === undefined) {
      const hint = nearest(flag, [...byFlag.keys(), "--help", "--version"]);
      problems.push(
        flag.startsWith("-")
          ? `${flag}: no such option${hint === undefined ? "" : `; did you mean ${hint}?`} See --help`
          : `"${flag}": not an option; the server's command goes after \`--\``,
      );
      // Most likely the value of the unknown option.
      if (flag.startsWith("-") && inline === undefined && !(flags[i + 1] ?? "-").startsWith("-")) i++;
      continue;
    }
    const value = inline ?? flags[++i];
    if (value === undefined) problems.push(`${flag}: needs a value, ${OPTION_TABLE[name].allowed}`);
    else given.set(name, [...(given.get(name) ?? []), value]);
  }
  return given;
}

function splitFlag(text: string): [string, string | undefined] {
  const equals = text.indexOf("=");
  return text.startsWith("--") && equals > 0 ? [text.slice(0, equals), text.slice(equals + 1)] : [text, undefined];
}

function fromEnvironment(spec: OptionSpec, env: NodeJS.ProcessEnv): string[] | undefined {
  const text = env[spec.env];
  // An empty variable is how compose files and stacks say "not set".
  return text === undefined || text.trim() === "" ? undefined : [text];
}

function readValue(spec: OptionSpec, texts: readonly string[], problems: string[]): unknown {
  const complain = (value: string): undefined => {
    problems.push(
      `${spec.flag} (${spec.env}): "${spec.secret ? "…" : value}" is not valid; it must be ${spec.allowed}. ${spec.remedy}`,
    );
    return undefined;
  };
  if (spec.list) {
    const items = texts.flatMap((text) => text.split(",")).map((item) => item.trim());
    const named = items.filter((item) => item !== "");
    // "," must not quietly mean all tools, or no authentication.
    if (named.length === 0) return complain(texts.join());
    return named.map((item) => spec.read(item) ?? complain(item));
  }
  const text = texts.at(-1) ?? "";
  return spec.read(text) ?? complain(text);
}

function nearest(word: string, candidates: readonly string[]): string | undefined {
  const ranked = candidates.map((candidate) => ({ candidate, distance: distance(word, candidate) }));
  ranked.sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= 4 ? best.candidate : undefined;
}

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitute = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substitute, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
