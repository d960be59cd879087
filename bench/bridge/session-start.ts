import { openSession } from "./client-transports.ts";
import { Host } from "./host.ts";
import { median, pairedRatio } from "./statistics.ts";
import { FLOOR, OURS_COLD, OURS_WARM, OWN_SUBJECTS, type Subject } from "./subjects.ts";
import { renderTable, shortNumber, type Target, targetTable } from "./table.ts";

/** From POST initialize to its answer, in ms, in the order of the repeats. */
export type StartTimes = Readonly<Record<string, readonly number[]>>;

const OPEN_TIMEOUT_MS = 30_000;

/** Starts sessions in front of a real server, one at a time, the hosts in turn. */
export async function measureStarts(
  server: readonly string[],
  repeats: number,
  status: (text: string) => void,
  signal: AbortSignal,
): Promise<StartTimes> {
  const subjects: Subject[] = [...OWN_SUBJECTS.filter(({ name }) => name === FLOOR), OURS_COLD, OURS_WARM];
  const times: Record<string, number[]> = {};
  const hosts: Host[] = [];
  try {
    for (const subject of subjects) hosts.push(await Host.start(subject, server));
    for (let repeat = 0; repeat < repeats && !signal.aborted; repeat++) {
      for (const host of hosts) {
        const { name } = host.subject;
        status(`session start ${repeat + 1} of ${repeats}: ${name}`);
        // Until a spare waits ready again, and the last session's process has gone.
        await host.quiet();
        const session = openSession(host.target);
        times[name] = [...(times[name] ?? []), await session.open(OPEN_TIMEOUT_MS)];
        await session.close();
      }
    }
  } finally {
    for (const host of hosts) await host.stop();
  }
  return times;
}

/** @param server what it was measured with. */
export function renderStarts(times: StartTimes, server: string): string {
  const floor = times[FLOOR] ?? [];
  const ratio = (name: string): number => pairedRatio(times[name] ?? [], floor);
  const rows = Object.entries(times).map(([name, values]) => [
    name,
    shortNumber(median(values)),
    shortNumber(ratio(name)),
    String(values.length),
  ]);
  const targets: Target[] = [
    { what: "session start, cold", value: ratio(OURS_COLD.name), bound: 1.1 },
    { what: "session start, warm", value: ratio(OURS_WARM.name), bound: 0.05 },
  ];
  const head = ["", "median ms", "ratio", "starts"];
  return `Session start with ${server}\n\n${renderTable(head, rows)}\n\n${targetTable(targets)}\n`;
}
