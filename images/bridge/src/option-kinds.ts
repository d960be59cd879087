import { formatDuration, formatSize, parseDuration, parseSize } from "./units.ts";

/** One option, from which parsing, `--help` and the README's table are made. */
export interface OptionSpec {
  readonly flag: string;
  readonly env: string;
  /** Placeholder of the value in `--help`. */
  readonly value: string;
  readonly default: unknown;
  /** The default as people write it. */
  readonly shown: string;
  readonly allowed: string;
  readonly remedy: string;
  readonly help: string;
  /** Repeatable; comma-separated in the environment. */
  readonly list: boolean;
  /** Its value must not be repeated in messages. */
  readonly secret: boolean;
  /** The value, or undefined if it is not allowed. */
  readonly read: (text: string) => unknown;
}

type Rest = Pick<OptionSpec, "flag" | "env" | "help">;

export function integer(rest: Rest, fallback: number, min: number, max: number): OptionSpec {
  return {
    ...rest,
    value: "N",
    default: fallback,
    shown: String(fallback),
    allowed: `a whole number from ${min} to ${max}`,
    remedy: `Try ${rest.flag} ${fallback}.`,
    list: false,
    secret: false,
    read: (text) => {
      const number = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
      return number >= min && number <= max ? number : undefined;
    },
  };
}

export function duration(rest: Rest, fallback: number, min: number): OptionSpec {
  const shown = formatDuration(fallback);
  return {
    ...rest,
    value: "TIME",
    default: fallback,
    shown,
    allowed: `a time of at least ${formatDuration(min)}, like 500ms, 30s, 5m or plain milliseconds`,
    remedy: `Try ${rest.flag} ${shown}.`,
    list: false,
    secret: false,
    read: (text) => {
      const ms = parseDuration(text);
      // Longer than this a timer of Node fires at once.
      return ms !== undefined && ms >= min && ms <= 0x7fffffff ? ms : undefined;
    },
  };
}

export function size(rest: Rest, fallback: number, min: number): OptionSpec {
  const shown = formatSize(fallback);
  return {
    ...rest,
    value: "SIZE",
    default: fallback,
    shown,
    allowed: `a size of at least ${formatSize(min)}, like 64KiB, 4MiB or plain bytes`,
    remedy: `Try ${rest.flag} ${shown}.`,
    list: false,
    secret: false,
    read: (text) => {
      const bytes = parseSize(text);
      return bytes !== undefined && bytes >= min && bytes <= 2 ** 30 ? bytes : undefined;
    },
  };
}

export function text(
  rest: Rest,
  fallback: string | undefined,
  shown: string,
  allowed: string,
  pattern: RegExp,
): OptionSpec {
  return {
    ...rest,
    value: "TEXT",
    default: fallback,
    shown,
    allowed,
    remedy: "Give a valid value or leave it out.",
    list: false,
    secret: false,
    read: (value) => (pattern.test(value) ? value : undefined),
  };
}

export function choice(rest: Rest, fallback: string, choices: readonly string[]): OptionSpec {
  return {
    ...text(rest, fallback, fallback, choices.join(" or "), /(?:)/),
    value: choices.join("|"),
    remedy: `Try ${rest.flag} ${fallback}.`,
    read: (value) => (choices.includes(value) ? value : undefined),
  };
}

export function list(rest: Rest, value: string, shown: string, allowed: string, pattern: RegExp): OptionSpec {
  return {
    ...text(rest, undefined, shown, allowed, pattern),
    value,
    default: [],
    list: true,
  };
}

/** An address that spans are sent to; a path may hold a key, so it is never repeated. */
export function otlpUrl(rest: Rest): OptionSpec {
  const pattern = /^https?:\/\/[^\s/?#@]+(\/[^\s?#@]*)?$/;
  const allowed = "an http or https URL; credentials go into OTEL_EXPORTER_OTLP_HEADERS";
  const isUrl = (value: string): boolean => pattern.test(value) && URL.canParse(value);
  return {
    ...text(rest, undefined, "no tracing", allowed, pattern),
    value: "URL",
    secret: true,
    remedy: `Try ${rest.flag} http://127.0.0.1:4318.`,
    read: (value) => (isUrl(value) ? value : undefined),
  };
}
