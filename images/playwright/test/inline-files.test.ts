import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { inlineFiles } from "../src/inline-files.ts";

const parent = mkdtempSync(join(tmpdir(), "mcp-inline-"));
const folder = join(parent, "session-1");
mkdirSync(join(folder, "output"), { recursive: true });
writeFileSync(join(folder, "output", "page.yml"), "- heading");
writeFileSync(join(folder, "output", "long.yml"), "x".repeat(40_001));
writeFileSync(join(folder, "output", "page.pdf"), "%PDF");
writeFileSync(join(parent, "other.yml"), "another session's");
symlinkSync(join(parent, "other.yml"), join(folder, "link.yml"));
afterAll(() => rmSync(parent, { recursive: true }));

const answer = (text: string) =>
  JSON.stringify({ jsonrpc: "2.0", id: 7, result: { content: [{ type: "text", text }] } });
const inlined = (text: string) => JSON.parse(inlineFiles(answer(text), folder)).result.content;

describe("inlineFiles", () => {
  test("puts a snapshot in the place of its name", () => {
    expect(inlined("### Page\n- x\n### Snapshot\n- [Snapshot](output/page.yml)\n### Events\n- y")).toEqual([
      { type: "text", text: "### Page\n- x\n### Snapshot\n```yaml\n- heading\n```\n### Events\n- y" },
    ]);
  });

  test("says what to do about one that is too long", () => {
    expect(inlined("### Snapshot\n- [Snapshot](output/long.yml)")[0].text).toBe(
      "### Snapshot\nThe snapshot has 40001 characters, more than is sent unasked: get it with browser_snapshot, a part of it with its `target` or `depth`.",
    );
  });

  test("adds a PDF to the answer", () => {
    expect(inlined("### Result\n- [Page as pdf](output/page.pdf)")).toEqual([
      { type: "text", text: "### Result\n- Page as pdf: below" },
      { type: "resource", resource: { uri: "file:///page.pdf", mimeType: "application/pdf", blob: "JVBERg==" } },
    ]);
  });

  test.each(["../other.yml", "link.yml", "output/none.yml", "/etc/hosts.yml"])(
    "opens no %s for a page that names it",
    (file) => {
      const text = `### Snapshot\n- [Snapshot](${file})`;
      expect(inlined(text)).toEqual([{ type: "text", text }]);
    },
  );

  test("leaves every other message as it is, byte for byte", () => {
    const line = '{"id":1e2 ,"result":{"content":[]}}';
    expect(inlineFiles(line, folder)).toBe(line);
  });
});
