import type { ServerDefinition } from "./server-definition.ts";

/** Sessions that most servers take at once when nothing is said. */
const usualSessions = 32;

/** What the bridge itself takes. */
const bridge = { memory: 64, processes: 32 };

/** What a user may say of a server's limits. */
export interface LimitOptions {
  /** MiB. */
  readonly memory?: number | undefined;
  readonly processes?: number | undefined;
  readonly maxSessions?: number | undefined;
}

/** Limits of one server's container. */
export interface Limits {
  /** MiB. */
  readonly memory: number;
  readonly processes: number;
  readonly maxSessions: number;
}

/** Whatever the number of sessions. */
const fixed = (of: "memory" | "processes", { base }: ServerDefinition) => bridge[of] + (base?.[of] ?? 0);

/** Every session is a process of its own, and one more waits for the next. */
const needed = (of: "memory" | "processes", definition: ServerDefinition, sessions: number) =>
  fixed(of, definition) + definition.session[of] * (sessions + 1);

/** Sessions of a server when nothing is said. */
export const sessionsOf = ({ sessions = usualSessions }: ServerDefinition) => sessions;

/** MiB below which a server could not serve a single session. */
export const leastMemory = (definition: ServerDefinition) => needed("memory", definition, 1);

/**
 * Limits that fit together: memory and processes for as many sessions as are let in, and no more sessions than there
 * is memory for, so that one more client is told to wait instead of the kernel ending somebody's session.
 */
export function planLimits(definition: ServerDefinition, options: LimitOptions): Limits {
  const { memory, processes } = options;
  const fitting = (limit: number) => Math.floor((limit - fixed("memory", definition)) / definition.session.memory) - 1;
  const maxSessions = options.maxSessions ?? (memory === undefined ? sessionsOf(definition) : fitting(memory));
  return {
    memory: memory ?? needed("memory", definition, maxSessions),
    processes: processes ?? needed("processes", definition, maxSessions),
    maxSessions,
  };
}
