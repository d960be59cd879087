import { setTimeout as sleep } from "node:timers/promises";
import type { ClientSession } from "./client-session.ts";
import { closeConnections, openSession } from "./client-transports.ts";
import { Host } from "./host.ts";
import { blobBody } from "./messages.ts";
import { type Memory, memoryOf } from "./processes.ts";
import type { Subject } from "./subjects.ts";

/** Memory of one host and its children, in bytes. */
export interface MemorySample {
  readonly subject: string;
  /** By number of open sessions. */
  readonly sessions: Readonly<Record<number, Memory>>;
  /** Children with the most sessions open. */
  readonly children: number | undefined;
  /** By how much the host, without its children, grew while a client left 60 MB unread: at most, and in the end. */
  readonly slowReader: { readonly peak: number; readonly held: number } | undefined;
  readonly problem: string | undefined;
}

export const SESSION_STEPS = [0, 10, 50, 200] as const;

const MIB = 1024 * 1024;
const SLOW_REPLIES = 12;
const SLOW_REPLY_BYTES = 5 * MIB;
/** How long the host has to read all that from its child. */
const SLOW_MS = 4_000;
const OPEN_TIMEOUT_MS = 20_000;

/** Measures a fresh host: idle, with sessions, and with a client that asks for 60 MB and reads nothing. */
export async function measureMemory(subject: Subject, child: readonly string[]): Promise<MemorySample> {
  const sessions: Record<number, Memory> = {};
  const found: { children?: number; slowReader?: MemorySample["slowReader"]; problem?: string } = {};
  try {
    // Once for the compile cache, so that the first repeat is like the others.
    await withSessions(subject, child, async (_host, open) => void (await open(1)));
    await withSessions(subject, child, async (host, open) => {
      for (const count of SESSION_STEPS) {
        await open(count);
        await host.quiet();
        sessions[count] = memoryOf(host.pids);
      }
      found.children = host.children.length;
    });
    await withSessions(subject, child, async (host, open) => {
      const [session] = await open(1);
      await host.quiet();
      if (session !== undefined) found.slowReader = await growthUnread(host, session);
    });
  } catch (error) {
    found.problem = error instanceof Error ? error.message : String(error);
  }
  const { children, slowReader, problem } = found;
  return { subject: subject.name, sessions, children, slowReader, problem };
}

type OpenUpTo = (count: number) => Promise<readonly ClientSession[]>;

/** Runs `work` with a fresh host; ends it and all sessions. */
async function withSessions(
  subject: Subject,
  child: readonly string[],
  work: (host: Host, open: OpenUpTo) => Promise<void>,
): Promise<void> {
  const host = await Host.start(subject, child);
  const sessions: ClientSession[] = [];
  try {
    await work(host, async (count) => {
      while (sessions.length < count) {
        const session = openSession(host.target);
        sessions.push(session);
        await session.open(OPEN_TIMEOUT_MS);
      }
      return sessions;
    });
  } finally {
    closeConnections();
    await host.stop();
  }
}

async function growthUnread(host: Host, session: ClientSession): Promise<{ peak: number; held: number }> {
  const before = memoryOf(host.own).alone;
  for (let id = 1; id <= SLOW_REPLIES; id++) session.callUnread(id, blobBody(id, SLOW_REPLY_BYTES));
  let peak = 0;
  let held = 0;
  for (const until = Date.now() + SLOW_MS; Date.now() < until; await sleep(200)) {
    held = memoryOf(host.own).alone - before;
    peak = Math.max(peak, held);
  }
  return { peak, held };
}
