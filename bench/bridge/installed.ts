import { join } from "node:path";
import { createProgress, SetupError } from "../../cli/progress.ts";
import { install, type Package, packageTitle } from "./packages.ts";
import { PEERS } from "./peers.ts";
import type { Subject } from "./subjects.ts";

/** A real server, for the time that a session takes to start. */
const EVERYTHING: Package = { kind: "npm", name: "@modelcontextprotocol/server-everything", version: "2026.8.31" };
export const EVERYTHING_TITLE = packageTitle(EVERYTHING);

/** Names of all peers' subjects; nothing is installed for that. */
export const PEER_NAMES = PEERS.flatMap((peer) => peer.subjects("").map(({ name }) => name));

/** The wanted subjects of peers, installed into `cache`. What cannot be installed says why instead of starting. */
export async function peerSubjects(wanted: (subject: Subject) => boolean, cache: string): Promise<Subject[]> {
  const subjects: Subject[] = [];
  for (const peer of PEERS) {
    if (!peer.subjects("").some(wanted)) continue;
    const { folder, problem } = await tryInstall(peer.package, cache);
    const found = peer.subjects(folder).filter(wanted);
    subjects.push(...(problem === undefined ? found : found.map((each) => ({ ...each, unavailable: problem }))));
  }
  return subjects;
}

/** Command line of the real server, or why there is none. */
export async function everythingServer(cache: string): Promise<{ command: readonly string[]; problem?: string }> {
  const { folder, problem } = await tryInstall(EVERYTHING, cache);
  const command = [process.execPath, join(folder, "node_modules", EVERYTHING.name, "dist/index.js"), "stdio"];
  return problem === undefined ? { command } : { command, problem };
}

async function tryInstall(wanted: Package, cache: string): Promise<{ folder: string; problem?: string }> {
  const title = packageTitle(wanted);
  try {
    return { folder: await createProgress().step("bench", (step) => install(wanted, cache, step)) };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const detail = error instanceof SetupError ? (error.logTail.at(-1) ?? "") : "";
    console.error(`bench        ${title} could not be installed: ${reason} ${detail}`);
    return { folder: "", problem: `${title} could not be installed: ${reason} ${detail}` };
  }
}
