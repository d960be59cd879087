import { createHash } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Transport } from "./client-session.ts";

/** A host that is measured, with one transport. */
export interface Subject {
  readonly name: string;
  readonly transport: Transport;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Command line of the host; undefined if there is none (bare stdio). */
  readonly command: ((port: number, child: readonly string[]) => readonly string[]) | undefined;
  readonly env: Readonly<Record<string, string>>;
  /** Why it cannot be started on this machine. */
  readonly unavailable?: string;
}

const file = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const TOKEN = "bench-token-of-no-worth";
const TOKEN_DIGEST = createHash("sha256").update(TOKEN).digest("hex");

/** A subject: Streamable HTTP on `/mcp` unless told otherwise. */
export function subject(name: string, facts: Partial<Subject>): Subject {
  return { name, transport: "http", path: "/mcp", headers: {}, command: undefined, env: {}, ...facts };
}

function ours(name: string, transport: Transport, path: string, ...options: string[]): Subject {
  return subject(name, {
    transport,
    path,
    headers: { authorization: `Bearer ${TOKEN}` },
    command: (port, child) => [
      process.execPath,
      file("../../images/bridge/bin/mcp-bridge.ts"),
      ...["--port", String(port), "--name", "bench", "--auth-token-sha256", TOKEN_DIGEST, ...options, "--"],
      ...child,
    ],
  });
}

/** A session's start without and with a process that waits for it. */
export const OURS_COLD = ours("ours, cold", "http", "/mcp", "--warm-children", "0");
export const OURS_WARM = ours("ours, warm", "http", "/mcp");
/** One child for all sessions. */
export const OURS_SHARED = ours("ours-shared", "http", "/mcp", "--child-mode", "shared");

/**
 * With Node's compile cache, as the image of the bridge has it. Without one, Node keeps in memory what it translates
 * TypeScript with, 26 MB that no installation of the bridge has.
 */
export function asShipped(subject: Subject, cache: string): Subject {
  const typescript = subject.name === FLOOR || subject.name.startsWith("ours");
  if (!typescript) return subject;
  return { ...subject, env: { ...subject.env, NODE_COMPILE_CACHE: join(cache, "compile-cache") } };
}

/** What every other subject is compared with. */
export const FLOOR = "floor";

/** Ours, with auth, limits and metrics on, and what is below it. */
export const OWN_SUBJECTS: readonly Subject[] = [
  subject(FLOOR, { command: (port, child) => [process.execPath, file("floor-relay.ts"), String(port), ...child] }),
  subject("echo", {
    transport: "echo",
    path: "/",
    command: (port) => [process.execPath, file("http-echo.ts"), String(port)],
  }),
  subject("stdio", { transport: "stdio" }),
  ours("ours", "http", "/mcp"),
  ours("ours-sse", "sse", "/sse"),
];
