/**
 * Records what the reference memory server answers, as the fixture that ours is compared with:
 *
 *   node images/memory/test/reference/record.ts
 *
 * It installs the pinned version into a temporary folder (that is why it is no dependency of this repository) and
 * takes what it says over stdio as it is.
 */
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { type Call, EDGES, type Exchange, SEEDS, scenario } from "./scenario.ts";

const PACKAGE = "@modelcontextprotocol/server-memory@2026.8.31";

export interface Recording {
  readonly package: string;
  readonly edges: readonly Exchange[];
  /** Of each seed: what was said, and the file that it left. */
  readonly seeds: readonly { readonly seed: number; readonly exchanges: readonly Exchange[]; readonly file: string }[];
}

interface Message {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: unknown;
}

const folder = mkdtempSync(join(tmpdir(), "memory-reference-"));

async function record(calls: readonly Call[], file: string): Promise<Exchange[]> {
  const program = join(folder, "node_modules/@modelcontextprotocol/server-memory/dist/index.js");
  const child = spawn(process.execPath, [program], {
    env: { ...process.env, MEMORY_FILE_PATH: file },
    stdio: ["pipe", "pipe", "ignore"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let lastId = 0;
  const ask = async (call: Call): Promise<Exchange> => {
    const id = ++lastId;
    child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", id, ...call })}\n`);
    const notifications: unknown[] = [];
    for (;;) {
      const { id: answered, ...message } = JSON.parse((await lines.next()).value ?? "") as Message & {
        jsonrpc?: string;
      };
      delete message.jsonrpc;
      if (answered === id) return { call, notifications, answer: message };
      notifications.push(message);
    }
  };
  const clientInfo = { name: "recorder", version: "1" };
  await ask({ method: "initialize", params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo } });
  child.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" })}\n`);
  const exchanges: Exchange[] = [];
  for (const call of calls) exchanges.push(await ask(call));
  child.stdin.end();
  return exchanges;
}

try {
  execFileSync("npm", ["install", "--prefix", folder, "--no-audit", "--no-fund", "--ignore-scripts", PACKAGE]);
  const seeds = [];
  for (const seed of SEEDS) {
    const file = join(folder, `${seed}.jsonl`);
    const exchanges = await record(scenario(seed), file);
    seeds.push({ seed, exchanges, file: readFileSync(file, "utf8") });
  }
  const recording: Recording = { package: PACKAGE, edges: await record(EDGES, join(folder, "edges.jsonl")), seeds };
  const target = fileURLToPath(new URL("recording.json.gz", import.meta.url));
  writeFileSync(target, gzipSync(JSON.stringify(recording), { level: 9 }));
} finally {
  rmSync(folder, { recursive: true });
}
