/**
 * The floor that hosts are compared with: an HTTP server in front of one child per session that passes lines on and
 * does nothing else. No auth, limits, metrics, streams or errors worth the name: what it costs, every host costs.
 *
 * usage: node floor-relay.ts PORT COMMAND…
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { createServer, type ServerResponse } from "node:http";

const [port, command = "", ...args] = process.argv.slice(2);
const NEWLINE = Buffer.from("\n");
const LEAD = Buffer.from('{"jsonrpc":"2.0","id":');
const KEY = Buffer.from('"id":');

class Session {
  readonly #child: ChildProcessWithoutNullStreams = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
  readonly #waiting = new Map<string, ServerResponse>();
  #parts: Buffer[] = [];

  constructor() {
    this.#child.stderr.resume();
    this.#child.stdout.on("data", (chunk: Buffer) => {
      let start = 0;
      for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
        this.#parts.push(chunk.subarray(start, end));
        this.#deliver(this.#parts.length === 1 ? (this.#parts[0] ?? NEWLINE) : Buffer.concat(this.#parts));
        this.#parts = [];
        start = end + 1;
      }
      if (start < chunk.length) this.#parts.push(chunk.subarray(start));
    });
  }

  /** Writes a message to the child; its answer goes to `response`. A message without id has none. */
  relay(line: Buffer, response: ServerResponse): void {
    const id = idOf(line);
    if (id === undefined) response.writeHead(202, { "content-length": 0 }).end();
    else this.#waiting.set(id, response);
    this.#child.stdin.write(line);
  }

  end(): void {
    this.#child.stdin.end();
  }

  #deliver(line: Buffer): void {
    const id = idOf(line);
    const response = id === undefined ? undefined : this.#waiting.get(id);
    if (id === undefined || response === undefined) return;
    this.#waiting.delete(id);
    response.setHeader("content-type", "application/json");
    response.setHeader("content-length", line.length);
    response.end(line);
  }
}

/** Found at one of two places: where most write it, or behind everything else. */
function idOf(line: Buffer): string | undefined {
  let start = LEAD.length;
  if (line.compare(LEAD, 0, LEAD.length, 0, LEAD.length) !== 0) {
    start = line.lastIndexOf(KEY) + KEY.length;
    if (start < KEY.length) return undefined;
  }
  let end = start;
  while (end < line.length && line[end] !== 0x2c && line[end] !== 0x7d) end++;
  return line.toString("latin1", start, end).trim();
}

const sessions = new Map<string, Session>();
// With a proper end Node writes its compile cache, for the next start.
process.once("SIGTERM", () => process.exit());

createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on("data", (chunk: Buffer) => parts.push(chunk));
  request.on("end", () => {
    const named = request.headers["mcp-session-id"];
    let id = typeof named === "string" ? named : undefined;
    if (id === undefined) {
      id = randomUUID();
      sessions.set(id, new Session());
      response.setHeader("mcp-session-id", id);
    }
    const session = sessions.get(id);
    if (request.method === "POST" && session !== undefined) {
      parts.push(NEWLINE);
      return session.relay(Buffer.concat(parts), response);
    }
    session?.end();
    sessions.delete(id);
    response.writeHead(session === undefined ? 404 : 200, { "content-length": 0 }).end();
  });
}).listen(Number(port), "127.0.0.1");
