import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type BridgeSetup,
  type RunningBridge,
  startBridge,
  until,
  warm,
} from "../../images/bridge/test/fixtures/bridge.ts";
import { request } from "../../images/bridge/test/fixtures/sessionless-client.ts";
import { FIXTURE_COMMAND, HOSTED_PROGRAM, MODERN_COMMAND } from "./fixture/command.ts";

const require = createRequire(import.meta.url);
const program = (manifest: string): string => join(dirname(manifest), "dist/index.js");
const SESSION_SUITE = program(require.resolve("@modelcontextprotocol/conformance/package.json"));
/** The same package in the version that knows 2026-07-28. */
const NEXT_SUITE = program(require.resolve("conformance-next/package.json"));
/** Server scenarios of 0.1.16 with `--suite all`. */
const SCENARIOS = 32;
/** What each revision requires, as 0.2.0-alpha.12 has it. */
const REQUIRED = { "2025-11-25": 30, "2026-07-28": 37 } as const;
type Part = "all" | keyof typeof REQUIRED;

interface Served {
  readonly what: string;
  readonly setup: BridgeSetup;
  /** Processes beside the bridge while nobody calls. */
  readonly processes: number;
  /** The suite's own lines about the scenarios that do not pass. */
  readonly fails: Readonly<Record<Part, readonly string[]>>;
}

/**
 * Wants the key `user_name` for what a server asks. Servers before 2026-07-28 give their requests ids, not names, so no
 * bridge can know it.
 */
const NAMED_KEY = "input-required-result-basic-elicitation: 1 passed, 1 failed";

/** The server of `shared` mode cannot ask a client for anything: see "What it cannot do" in the bridge's README. */
const ASKING = [
  "tools-call-sampling",
  "tools-call-elicitation",
  "elicitation-sep1034-defaults",
  "elicitation-sep1330-enums",
];
const INPUT_REQUIRED = [
  "basic-elicitation",
  "basic-sampling",
  "basic-list-roots",
  "request-state",
  "multiple-input-requests",
  "multi-round",
  "non-tool-request",
  "result-type",
  "tampered-state",
  "capability-check",
];

const SERVED: readonly Served[] = [
  {
    what: "in front of a server of 2025-11-25",
    setup: { command: FIXTURE_COMMAND },
    processes: 1,
    fails: { all: [], "2025-11-25": [], "2026-07-28": [NAMED_KEY] },
  },
  {
    what: "in front of a server of 2026-07-28",
    setup: { command: MODERN_COMMAND },
    processes: 1,
    fails: { all: [], "2025-11-25": [], "2026-07-28": [] },
  },
  {
    what: "in the process of its server",
    setup: { program: HOSTED_PROGRAM },
    processes: 0,
    fails: { all: [], "2025-11-25": [], "2026-07-28": [NAMED_KEY] },
  },
  {
    what: "in front of one server for all",
    setup: { command: FIXTURE_COMMAND, args: ["--child-mode", "shared"] },
    processes: 1,
    fails: {
      all: ASKING.map((name) => `${name}: 0 passed, 1 failed`),
      "2025-11-25": ASKING.map((name) => `${name}: 1 passed, 1 failed`),
      "2026-07-28": [
        // Code and HTTP status of the same refusal: a tool needs sampling, which its client has not declared.
        "server-stateless: 28 passed, 2 failed",
        ...INPUT_REQUIRED.map((name) => `input-required-result-${name}: 1 passed, 1 failed`),
      ],
    },
  },
];

let bridge: RunningBridge;
let folder: string;

interface Verdict {
  readonly name: string;
  /** As the suite prints it. */
  readonly line: string;
  /** Something in it was checked, and nothing failed. */
  readonly passed: boolean;
}

interface Verdicts {
  readonly scenarios: readonly Verdict[];
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
  const verdicts = output.matchAll(/^[✓✗] (([\w-]+): (\d+) passed, (\d+) failed)/gmu);
  const notScored = output.matchAll(/^ +[✓✗] ([\w-]+) \([\w-]+\)$/gmu);
  return {
    scenarios: Array.from(verdicts, ([, line = "", name = "", passed, failed]) => {
      return { name, line, passed: failed === "0" && passed !== "0" };
    }),
    notScored: new Set(Array.from(notScored, ([, name = ""]) => name)),
  };
}

async function onlyThoseLeft(processes: number): Promise<void> {
  const servers = async () => (await bridge.metric("mcp_child_processes")) === 1;
  await until("the spare alone is left", async () => bridge.descendants() === processes && (await servers()));
  expect(await bridge.metric("mcp_child_restarts_total")).toBe(0);
}

const failures = (scenarios: readonly Verdict[]): string[] =>
  scenarios.filter(({ passed }) => !passed).map(({ line }) => line);

describe.each(SERVED)("the official suite, $what", ({ setup, processes, fails }) => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "conformance-"));
    // The suite never ends its sessions; without connections they are idle.
    bridge = await startBridge({ ...setup, args: ["--idle-timeout", "8s", ...(setup.args ?? [])] });
  });
  afterAll(async () => {
    await bridge.stop();
    rmSync(folder, { recursive: true });
  });

  test("all server scenarios", async () => {
    const { scenarios } = await runSuite(SESSION_SUITE, "--suite", "all");
    expect(failures(scenarios)).toEqual(fails.all);
    expect(scenarios.length).toBe(SCENARIOS);
    await onlyThoseLeft(processes);
  });

  test.each(["2025-11-25", "2026-07-28"] as const)("what %s requires", async (revision) => {
    // Some checks give half a second, in which a busy machine does not start a server: those they use are there.
    for (const capabilities of [{}, { elicitation: {} }]) await request(bridge.url, "tools/list", {}, { capabilities });
    await warm(bridge);
    const { scenarios, notScored } = await runSuite(NEXT_SUITE, "--requirements", revision);
    const scored = scenarios.filter(({ name }) => !notScored.has(name));
    expect(failures(scored)).toEqual(fails[revision]);
    expect(scored.length).toBe(REQUIRED[revision]);
    // Not required, for they came after the release: how headers repeat the body.
    const headers = scenarios.filter(({ name }) => /^http-.*header/.test(name));
    expect(failures(headers)).toEqual([]);
    expect(headers.length).toBe(revision === "2026-07-28" ? 2 : 0);
    await onlyThoseLeft(processes);
  });
});
