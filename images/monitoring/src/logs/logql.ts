import type { MonitoringConfig } from "../config.ts";

export const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"] as const;
export type Level = (typeof LEVELS)[number];

/** What may stand in a log for each level, beside its own name. */
const ALSO: Readonly<Partial<Record<Level, readonly string[]>>> = {
  trace: ["verbose"],
  info: ["information", "notice"],
  warn: ["warning"],
  error: ["err"],
  fatal: ["critical", "crit", "alert", "emerg", "emergency", "panic"],
};

/** What simple arguments ask of the lines; without any, all lines of all servers. */
export interface LineFilter {
  readonly service?: string | undefined;
  readonly container?: string | undefined;
  /** This level and those above it. */
  readonly level?: Level | undefined;
  readonly text?: string | undefined;
  readonly regex?: string | undefined;
  readonly exclude?: string | undefined;
  readonly ignoreCase?: boolean | undefined;
}

/** LogQL's strings are Go's: what JSON escapes, Go reads, but for halves of surrogate pairs. */
export const quoted = (text: string) => JSON.stringify(text.toWellFormed());

/** Matches the text itself, in RE2's syntax. */
const literally = (text: string) => text.replaceAll(/[\\^$.|?*+()[\]{}]/g, "\\$&");

/**
 * Lines of a level and above. Loki 3 tells the level of a line as `detected_level`; before that, and beside it, those
 * who ship logs often make a label `level`.
 */
export function levelStage(level: Level): string {
  const names = LEVELS.slice(LEVELS.indexOf(level)).flatMap((it) => [it, ...(ALSO[it] ?? [])]);
  const pattern = quoted(`(?i)(${names.join("|")})`);
  return `| detected_level=~${pattern} or level=~${pattern}`;
}

/** The streams of a service or container; of every service where none is named, since Loki wants at least one label. */
export function selector({ service, container }: LineFilter, labels: MonitoringConfig["labels"]): string {
  const matchers = [
    ...(service === undefined ? [] : [`${labels.service}=${quoted(service)}`]),
    ...(container === undefined ? [] : [`${labels.container}=${quoted(container)}`]),
  ];
  return `{${matchers.length === 0 ? `${labels.service}=~".+"` : matchers.join(", ")}}`;
}

export function logQuery(filter: LineFilter, labels: MonitoringConfig["labels"]): string {
  const { level, text, regex, exclude, ignoreCase = false } = filter;
  const contains = (not: boolean, part: string) =>
    ignoreCase ? `${not ? "!~" : "|~"} ${quoted(`(?i)${literally(part)}`)}` : `${not ? "!=" : "|="} ${quoted(part)}`;
  return [
    selector(filter, labels),
    ...(text === undefined ? [] : [contains(false, text)]),
    ...(regex === undefined ? [] : [`|~ ${quoted(ignoreCase ? `(?i)${regex}` : regex)}`]),
    ...(exclude === undefined ? [] : [contains(true, exclude)]),
    ...(level === undefined ? [] : [levelStage(level)]),
  ].join(" ");
}
