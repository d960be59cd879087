import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { contextDigest } from "../../components/context-digest.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mcp-context-"));
  mkdirSync(join(folder, "src"));
  writeFileSync(join(folder, "Dockerfile"), "FROM scratch\n");
  writeFileSync(join(folder, "src", "a.txt"), "a");
  writeFileSync(join(folder, ".dockerignore"), "test\n*.md\n");
});
afterEach(() => rmSync(folder, { recursive: true }));

const changed = (change: () => void) => {
  const before = contextDigest(folder);
  change();
  return contextDigest(folder) !== before;
};

describe("contextDigest changes", () => {
  test.each<[string, () => void]>([
    ["contents", () => writeFileSync(join(folder, "src", "a.txt"), "b")],
    ["a new file", () => writeFileSync(join(folder, "src", "b.txt"), "")],
    ["a file that goes", () => rmSync(join(folder, "src", "a.txt"))],
    ["permission to execute", () => chmodSync(join(folder, "src", "a.txt"), 0o755)],
    ["a link's target", () => symlinkSync("a.txt", join(folder, "src", "link"))],
    ["the Dockerfile", () => writeFileSync(join(folder, "Dockerfile"), "FROM other\n")],
    ["the ignore rules", () => writeFileSync(join(folder, ".dockerignore"), "test\n")],
  ])("with %s", (_, change) => expect(changed(change)).toBe(true));
});

describe("contextDigest stays", () => {
  test.each<[string, () => void]>([
    ["an ignored file", () => writeFileSync(join(folder, "README.md"), "new")],
    [
      "an ignored folder",
      () => {
        mkdirSync(join(folder, "test"));
        writeFileSync(join(folder, "test", "x"), "");
      },
    ],
    ["times", () => utimesSync(join(folder, "src", "a.txt"), 1, 1)],
    ["permissions that are not to execute", () => chmodSync(join(folder, "src", "a.txt"), 0o600)],
  ])("with %s", (_, change) => expect(changed(change)).toBe(false));

  test("the same for an ignored Dockerfile, which the engine reads all the same", () => {
    writeFileSync(join(folder, ".dockerignore"), "*\n!src\n");
    expect(changed(() => writeFileSync(join(folder, "Dockerfile"), "FROM other\n"))).toBe(true);
  });
});
