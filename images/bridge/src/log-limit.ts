import type { Log } from "./log.ts";

/**
 * The same log, with at most `perSecond` lines of `event`: for what a server can cause as often as it likes. What
 * was held back is told with the next line that is not.
 */
export function limitEvent(log: Log, event: string, perSecond: number, now: () => number = Date.now): Log {
  let second = 0;
  let count = 0;
  return (level, name, fields) => {
    if (name !== event) return log(level, name, fields);
    const current = Math.floor(now() / 1_000);
    const heldBack = Math.max(0, count - perSecond);
    if (current !== second) {
      second = current;
      count = 0;
    }
    if (++count > perSecond) return;
    log(level, name, count === 1 && heldBack > 0 ? { ...fields, heldBack } : fields);
  };
}
