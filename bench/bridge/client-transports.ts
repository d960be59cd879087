import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { Agent, type ClientRequest, type IncomingMessage, request } from "node:http";
import { ClientSession, REVISION, type Target } from "./client-session.ts";
import { EventReader } from "./events.ts";

const CLOSE_TIMEOUT_MS = 2_000;

const agent = new Agent({ keepAlive: true });

export function openSession(target: Target): ClientSession {
  if (target.transport === "stdio") return new StdioSession(target.command);
  if (target.transport === "sse") return new SseSession(target);
  if (target.transport === "echo") return new EchoSession(target);
  return new HttpSession(target);
}

/** Ends the connections that wait for the next call. */
export function closeConnections(): void {
  agent.destroy();
}

function send(
  target: Target,
  method: string,
  path: string,
  headers: Record<string, string>,
  body?: Buffer,
): ClientRequest {
  const sent = request({ agent, host: "127.0.0.1", port: target.port, path, method, headers });
  sent.end(body);
  return sent;
}

function readAll(response: IncomingMessage, done: (body: Buffer) => void): void {
  const parts: Buffer[] = [];
  response.on("data", (chunk: Buffer) => parts.push(chunk));
  response.once("end", () => done(parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts)));
}

/** What a host said, without the markup that some send. */
function refusal({ statusCode }: IncomingMessage, body: Buffer): string {
  const text = body
    .toString()
    .replaceAll(/<[^>]*>|&\w+;/g, " ")
    .replaceAll(/\s+/g, " ");
  return `HTTP ${statusCode}: ${text.trim().slice(0, 120)}`;
}

/** Streamable HTTP: the answer is the body, or an event of it. */
class HttpSession extends ClientSession {
  readonly #target: Target;
  readonly #headers: Record<string, string>;

  constructor(target: Target) {
    super();
    this.#target = target;
    this.#headers = {
      ...target.headers,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
    };
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      const sent = send(this.#target, "DELETE", this.#target.path, this.#headers);
      sent.setTimeout(CLOSE_TIMEOUT_MS, () => sent.destroy());
      sent
        .on("response", (response) => response.resume())
        .on("error", () => {})
        .on("close", () => resolve());
    });
  }

  callUnread(_id: number, body: Buffer): void {
    // A response without a reader fills the socket's buffers, and stops there.
    this.#send(body)
      .on("error", () => {})
      .on("response", (response) => response.on("error", () => {}));
  }

  protected post(body: Buffer, id?: number): void {
    const sent = this.#send(body);
    sent.on("error", (error) => {
      // The host closed an idle connection just then, as it may (RFC 9112, 9.3.1): that is no loss of its.
      if (sent.reusedSocket && "code" in error && error.code === "ECONNRESET") this.post(body, id);
      else this.fail(id, error.message);
    });
    sent.on("response", (response) => this.#read(response, id));
  }

  #send(body: Buffer): ClientRequest {
    const headers = { ...this.#headers, "content-length": String(body.length) };
    return send(this.#target, "POST", this.#target.path, headers, body);
  }

  #read(response: IncomingMessage, id: number | undefined): void {
    const session = response.headers["mcp-session-id"];
    if (typeof session === "string" && this.#headers["mcp-session-id"] === undefined) {
      this.#headers["mcp-session-id"] = session;
      this.#headers["mcp-protocol-version"] = REVISION;
    }
    response.once("close", () => this.fail(id, `HTTP ${response.statusCode} ended without the answer`));
    if (response.headers["content-type"]?.startsWith("text/event-stream")) {
      const reader = new EventReader(({ data }) => this.receive(data));
      response.on("data", (chunk: Buffer) => reader.push(chunk));
      return;
    }
    readAll(response, (body) => {
      if (response.statusCode === 200) this.receive(body);
      else this.fail(id, refusal(response, body));
    });
  }
}

/** HTTP with SSE: the answer is an event of the session's stream. */
class SseSession extends ClientSession {
  readonly #target: Target;
  #stream: ClientRequest | undefined;
  #events: IncomingMessage | undefined;
  #messages = "";

  constructor(target: Target) {
    super();
    this.#target = target;
  }

  async close(): Promise<void> {
    this.#stream?.destroy();
  }

  protected override connect(timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no endpoint event within ${timeoutMs / 1000} s`)), timeoutMs);
      const reader = new EventReader(({ name, data }) => {
        if (name !== "endpoint") return this.receive(data);
        const { pathname, search } = new URL(data.toString(), "http://127.0.0.1");
        this.#messages = pathname + search;
        clearTimeout(timer);
        resolve();
      });
      this.#stream = send(this.#target, "GET", this.#target.path, {
        ...this.#target.headers,
        accept: "text/event-stream",
      });
      this.#stream.on("error", reject);
      this.#stream.on("response", (response) => {
        if (response.statusCode !== 200) reject(new Error(`GET ${this.#target.path}: HTTP ${response.statusCode}`));
        response.on("data", (chunk: Buffer) => reader.push(chunk)).on("error", () => {});
        this.#events = response;
      });
    });
  }

  callUnread(_id: number, body: Buffer): void {
    this.#events?.pause();
    this.post(body);
  }

  protected post(body: Buffer, id?: number): void {
    const headers = {
      ...this.#target.headers,
      "content-type": "application/json",
      "content-length": String(body.length),
    };
    const sent = send(this.#target, "POST", this.#messages, headers, body);
    sent.on("error", (error) => this.fail(id, error.message));
    sent.on("response", (response) =>
      readAll(response, (text) => {
        if ((response.statusCode ?? 0) >= 300) this.fail(id, refusal(response, text));
      }),
    );
  }
}

/** A bare HTTP exchange: whatever comes back is the answer. */
class EchoSession extends ClientSession {
  readonly #target: Target;

  constructor(target: Target) {
    super();
    this.#target = target;
  }

  async close(): Promise<void> {}

  callUnread(): void {
    throw new Error("an echo sends nothing that it was not sent");
  }

  protected post(body: Buffer, id?: number): void {
    const headers = { "content-type": "application/json", "content-length": String(body.length) };
    const sent = send(this.#target, "POST", this.#target.path, headers, body);
    sent.on("error", (error) => this.fail(id, error.message));
    sent.on("response", (response) =>
      readAll(response, (message) => {
        if (id !== undefined) this.settle(id, { at: performance.now(), message });
      }),
    );
  }
}

/** The child itself, one line each way. */
class StdioSession extends ClientSession {
  readonly #child: ChildProcessWithoutNullStreams;

  constructor([command = "", ...args]: readonly string[]) {
    super();
    this.#child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
    let parts: Buffer[] = [];
    this.#child.stdout.on("data", (chunk: Buffer) => {
      let start = 0;
      for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
        parts.push(chunk.subarray(start, end));
        this.receive(Buffer.concat(parts));
        parts = [];
        start = end + 1;
      }
      if (start < chunk.length) parts.push(chunk.subarray(start));
    });
  }

  async close(): Promise<void> {
    this.#child.stdin.end();
  }

  callUnread(_id: number, body: Buffer): void {
    this.#child.stdout.pause();
    this.post(body);
  }

  protected post(body: Buffer): void {
    this.#child.stdin.write(Buffer.concat([body, Buffer.from("\n")]));
  }
}
