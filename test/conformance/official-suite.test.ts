import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type RunningBridge, startBridge, until, warm } from "../../images/bridge/test/fixtures/bridge.ts";
import { request } from "../../images/bridge/test/fixtures/sessionless-client.ts";
import { FIXTURE_COMMAND, MODERN_COMMAND } from "./fixture/command.ts";

const require = createRequire(import.meta.url);
const program = (manifest: string): string => join(dirname(manifest), "dist/index.js");
const SESSION_SUITE = program(require.resolve("@modelcontextprotocol/conformance/package.json"));
/** The same package in the version that knows 2026-07-28. */
const NEXT_SUITE = program(require.resolve("conformance-next/package.json"));
/** Server scenarios of 0.1.16 with `--suite all`. */
const SCENARIOS = 32;
/** What each revision requires, as 0.2.0-alpha.12 has it. */
const REQUIRED = { "2025-11-25": 30, "2026-07-28": 37 } as const;
/**
 * The server behind the bridge, and the one scenario that fails: it wants the key `user_name` for what a server asks.
 * Servers before 2026-07-28 give their requests ids, not names, so no bridge can know it.
 */
const SERVERS = [
  {
    era: "2025-11-25",
    command: FIXTURE_COMMAND,
    fails: { "2025-11-25": [], "2026-07-28": ["input-required-result-basic-elicitation"] },
  },
  { era: "2026-07-28", command: MODERN_COMMAND, fails: { "2025-11-25": [], "2026-07-28": [] } },
] as const;

let bridge: RunningBridge;
let folder: string;

interface Verdicts {
  /** By scenario: true if nothing in it failed. */
  readonly passed: ReadonlyMap<string, boolean>;
  readonly notScored: ReadonlySet<string>;
}

async function runSuite(path: string, ...args: string[]): Promise<Verdicts> {
  const child = spawn(process.execPath, [path, "server", "--url", `${bridge.url}/mcp`, ...args], {
    cwd: folder,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    output += chunk;
  });
  await new Promise((resolve) => child.once("close", resolve));
  const verdicts = output.matchAll(/^[✓✗] ([\w-]+): (\d+) passed, (\d+) failed/gmu);
  const notScored = output.matchAll(/^ +[✓✗] ([\w-]+) \([\w-]+\)$/gmu);
  return {
    passed: new Map(Array.from(verdicts, ([, name = "", passed, failed]) => [name, failed === "0" && passed !== "0"])),
    notScored: new Set(Array.from(notScored, ([, name = ""]) => name)),
  };
}

async function nothingIsLeft(): Promise<void> {
  await until("the spare alone is left", () => bridge.descendants() === 1);
  expect(await bridge.metric("mcp_child_restarts_total")).toBe(0);
}

const failures = (scored: readonly (readonly [string, boolean])[]): string[] =>
  scored.filter(([, passed]) => !passed).map(([name]) => name);

describe.each(SERVERS)("the official suite, in front of a server of $era", ({ command, fails }) => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "conformance-"));
    // The suite never ends its sessions; without connections they are idle.
    bridge = await startBridge({ command, args: ["--idle-timeout", "8s"] });
  });
  afterAll(async () => {
    await bridge.stop();
    rmSync(folder, { recursive: true });
  });

  test("all server scenarios", async () => {
    const { passed } = await runSuite(SESSION_SUITE, "--suite", "all");
    expect(failures([...passed])).toEqual([]);
    expect(passed.size).toBe(SCENARIOS);
    await nothingIsLeft();
  });

  test.each(["2025-11-25", "2026-07-28"] as const)("what %s requires", async (revision) => {
    // Some checks give half a second, in which a busy machine does not start a server: those they use are there.
    for (const capabilities of [{}, { elicitation: {} }]) await request(bridge.url, "tools/list", {}, { capabilities });
    await warm(bridge);
    const { passed, notScored } = await runSuite(NEXT_SUITE, "--requirements", revision);
    const scored = [...passed].filter(([name]) => !notScored.has(name));
    expect(failures(scored)).toEqual(fails[revision]);
    expect(scored.length).toBe(REQUIRED[revision]);
    // Not required, for they came after the release: how headers repeat the body.
    const headers = [...passed].filter(([name]) => /^http-.*header/.test(name));
    expect(failures(headers)).toEqual([]);
    expect(headers.length).toBe(revision === "2026-07-28" ? 2 : 0);
    await nothingIsLeft();
  });
});
