import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { atLeast, findProgram, parseVersion, pathWithout } from "../../cli/programs.ts";

const folder = mkdtempSync(join(tmpdir(), "mcp-programs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("versions", () => {
  it.each([
    ["v3.259.0", [3, 259, 0]],
    ["3.9.1-alpha.1", [3, 9, 1]],
    ["go1.26", [1, 26, 0]],
    ["dev", undefined],
    ["", undefined],
  ])("reads %j", (text, expected) => {
    expect(parseVersion(text)).toEqual(expected);
  });

  it.each([
    ["v3.259.0", "3.259.0", true],
    ["v3.260.0", "3.259.9", true],
    ["v4.0.0", "3.259.0", true],
    ["v3.99.0", "3.259.0", false],
    ["v3.258.9", "3.259.0", false],
    ["dev", "3.259.0", false],
  ])("%j is at least %j: %j", (version, least, expected) => {
    expect(atLeast(version, least)).toBe(expected);
  });
});

describe("PATH", () => {
  it("is searched without our own wrappers", () => {
    expect(pathWithout("/a:/clone/.mcp/bin::/b", "/clone/.mcp/bin")).toBe("/a:/b");
    expect(pathWithout(undefined, "/x")).toBe("");
  });

  it("gives the first executable file, not a folder and not a file that cannot be run", () => {
    for (const name of ["one", "two", "three"]) mkdirSync(join(folder, name));
    mkdirSync(join(folder, "one", "tool"));
    writeFileSync(join(folder, "two", "tool"), "", { mode: 0o644 });
    writeFileSync(join(folder, "three", "tool"), "", { mode: 0o755 });
    const path = ["one", "two", "three"].map((name) => join(folder, name)).join(":");
    expect(findProgram("tool", path)).toBe(join(folder, "three", "tool"));
    expect(findProgram("no-such-tool", path)).toBeUndefined();
  });
});
