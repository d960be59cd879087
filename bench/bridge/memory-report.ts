import { type MemorySample, SESSION_STEPS } from "./memory.ts";
import { median } from "./statistics.ts";
import { OURS_SHARED } from "./subjects.ts";
import { renderTable, shortNumber, type Target, targetTable } from "./table.ts";

const MIB = 1024 * 1024;
const KIB = 1024;
const [IDLE, , SOME, MOST] = SESSION_STEPS;

/** Medians over the repeats of each subject, and the targets of ours. */
export function renderMemory(samples: readonly MemorySample[]): string {
  const subjects = [...new Set(samples.map(({ subject }) => subject))];
  const of = (subject: string, value: (sample: MemorySample) => number | undefined): number =>
    median(samples.filter((each) => each.subject === subject).flatMap((each) => value(each) ?? []));
  const megabytes = (bytes: number): string => shortNumber(bytes / MIB);
  const rows = subjects.map((subject) => [
    subject,
    ...SESSION_STEPS.map((step) => megabytes(of(subject, ({ sessions }) => sessions[step]?.proportional))),
    megabytes(of(subject, idleAlone)),
    shortNumber(of(subject, perSession(IDLE, SOME)) / KIB),
    shortNumber(of(subject, perSession(SOME, MOST)) / KIB),
    shortNumber(of(subject, ({ children }) => children)),
    megabytes(of(subject, heldUnread)),
    megabytes(of(subject, ({ slowReader }) => slowReader?.peak)),
  ]);
  const head = [
    "",
    ...SESSION_STEPS.map((step) => (step === IDLE ? "idle" : `${step} sessions`)),
    "idle, alone",
    `KB a session, the first ${SOME}`,
    `the next ${MOST - SOME}`,
    `children at ${MOST}`,
    "60 MB unread: held",
    "at most",
  ];
  const targets: Target[] = [
    { what: "idle, alone on the machine, MB", value: of("ours", idleAlone) / MIB, bound: 70 },
    { what: `KB a session, the first ${SOME}`, value: of("ours", perSession(IDLE, SOME)) / KIB, bound: 80 },
    { what: `KB a session, the next ${MOST - SOME}`, value: of("ours", perSession(SOME, MOST)) / KIB, bound: 80 },
    { what: "60 MB unread over /mcp, MB", value: of("ours", heldUnread) / MIB, bound: 10 },
    { what: "60 MB unread over /sse, MB", value: of("ours-sse", heldUnread) / MIB, bound: 10 },
    { what: "children of 50 sessions, shared", value: of(OURS_SHARED.name, ({ children }) => children), bound: 1 },
  ];
  const title =
    "Memory of the host and its children in MB: proportional set size; alone: as if only this benchmark ran beside it";
  const notes = samples.flatMap(({ subject, problem }) => (problem === undefined ? [] : `- ${subject}: ${problem}`));
  return [title, renderTable(head, rows), [...new Set(notes)].join("\n"), `${targetTable(targets)}\n`]
    .filter((text) => text.trim() !== "")
    .join("\n\n");
}

function heldUnread({ slowReader }: MemorySample): number | undefined {
  return slowReader?.held;
}

function idleAlone({ sessions }: MemorySample): number | undefined {
  return sessions[IDLE]?.alone;
}

function perSession(few: number, many: number): (sample: MemorySample) => number | undefined {
  return ({ sessions: { [few]: before, [many]: after } }) =>
    before === undefined || after === undefined ? undefined : (after.alone - before.alone) / (many - few);
}
