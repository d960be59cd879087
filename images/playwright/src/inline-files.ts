import { readFileSync, realpathSync } from "node:fs";
import { extname, resolve, sep } from "node:path";

/** Longest snapshot that is put into an answer, in characters: some 10,000 tokens. */
const longest = 40_000;

type Part = { type: string; text?: string };

/**
 * The server writes what it saw after each action into a file and names the file, for clients that can open it. Those
 * of this server cannot, so the file's contents take the place of its name, as they stand in the answer to
 * `browser_snapshot`; a PDF is put in as it is.
 */
export function inlineFiles(line: string, folder: string): string {
  // All other messages, and that is most of them, are passed on without being parsed.
  if (!line.includes("- [Snapshot](") && !line.includes("- [Page as pdf](")) return line;
  const message = JSON.parse(line) as { result?: { content?: Part[] } };
  const content = message.result?.content;
  if (!Array.isArray(content)) return line;
  const added: unknown[] = [];
  for (const part of content) {
    if (part.text === undefined) continue;
    part.text = part.text
      .replace(/^### Snapshot\n- \[Snapshot\]\(([^)\n]+\.yml)\)$/gm, (whole, file: string) => {
        const text = ownFile(file, folder)?.toString("utf8");
        if (text === undefined) return whole;
        return `### Snapshot\n${text.length > longest ? tooLong(text.length) : `\`\`\`yaml\n${text}\n\`\`\``}`;
      })
      .replace(/^- \[Page as pdf\]\(([^)\n]+\.pdf)\)$/gm, (whole, file: string) => {
        const blob = ownFile(file, folder)?.toString("base64");
        if (blob === undefined) return whole;
        const uri = `file:///${encodeURIComponent(file.split("/").at(-1) ?? file)}`;
        added.push({ type: "resource", resource: { uri, mimeType: "application/pdf", blob } });
        return "- Page as pdf: below";
      });
  }
  return JSON.stringify({ ...message, result: { ...message.result, content: [...content, ...added] } });
}

const tooLong = (length: number) =>
  `The snapshot has ${length} characters, more than is sent unasked: get it with browser_snapshot, a part of it with its \`target\` or \`depth\`.`;

/** A file below the session's folder. A page can write such a link into its own text, so others are never opened. */
function ownFile(file: string, folder: string): Buffer | undefined {
  try {
    const path = realpathSync(resolve(folder, file));
    const inside = path.startsWith(realpathSync(folder) + sep) && [".yml", ".pdf"].includes(extname(path));
    return inside ? readFileSync(path) : undefined;
  } catch {
    return undefined;
  }
}
