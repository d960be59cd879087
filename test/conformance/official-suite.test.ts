import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningBridge, startBridge, until } from "../../images/bridge/test/fixtures/bridge.ts";
import { FIXTURE_COMMAND } from "./fixture/command.ts";

const require = createRequire(import.meta.url);
const SUITE = join(dirname(require.resolve("@modelcontextprotocol/conformance/package.json")), "dist/index.js");
/** Server scenarios of 0.1.16 with `--suite all`. */
const SCENARIOS = 32;

let bridge: RunningBridge;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "conformance-"));
  // The suite never ends its sessions; without connections they are idle.
  bridge = await startBridge({ command: FIXTURE_COMMAND, args: ["--idle-timeout", "3s"] });
});
afterAll(async () => {
  await bridge.stop();
  rmSync(folder, { recursive: true });
});

/** Runs the official suite; returns its verdict by scenario: true if nothing in it failed. */
async function runSuite(): Promise<ReadonlyMap<string, boolean>> {
  const child = spawn(process.execPath, [SUITE, "server", "--url", `${bridge.url}/mcp`, "--suite", "all"], {
    cwd: folder,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    output += chunk;
  });
  await new Promise((resolve) => child.once("close", resolve));
  const verdicts = output.matchAll(/^[✓✗] ([\w-]+): (\d+) passed, (\d+) failed/gmu);
  return new Map(Array.from(verdicts, ([, name = "", passed, failed]) => [name, failed === "0" && passed !== "0"]));
}

test("the official suite, all server scenarios", async () => {
  const verdicts = await runSuite();
  expect([...verdicts].filter(([, passed]) => !passed).map(([name]) => name)).toEqual([]);
  expect(verdicts.size).toBe(SCENARIOS);
  await until("the spare alone is left", () => bridge.descendants() === 1);
  expect(await bridge.metric("mcp_child_restarts_total")).toBe(0);
});
