import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { makeSessionFolder } from "../src/session-folder.ts";

const parent = mkdtempSync(join(tmpdir(), "mcp-sessions-"));
afterAll(() => rmSync(parent, { recursive: true }));

test("a session's folder is its own, and clears up after those that could not", () => {
  const dead = spawnSync("true").pid;
  for (const name of [`session-${dead}`, `session-${process.ppid}`, "other"]) mkdirSync(join(parent, name));
  const folder = makeSessionFolder(parent);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
  expect(readdirSync(parent).sort()).toEqual(["other", `session-${process.pid}`, `session-${process.ppid}`].sort());
});
