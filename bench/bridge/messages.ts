/** What the load client sends, and whether what comes back is the answer to it. */

/** One call of the tool `echo`. */
export interface Call {
  readonly id: number;
  /** Names the session in the arguments: ids are the same in every session, so only this tells answers apart. */
  readonly session: string;
  /** The arguments as they are sent; the server writes the same bytes back. */
  readonly payload: Buffer;
  readonly body: Buffer;
}

/** What became of a call. */
export type Verdict = "ok" | "lost" | "wrong session" | "altered" | "error";

/** Beyond 2^53: whoever reads it into a double and writes it again has changed it. */
const BIG_NUMBER = "12345678901234567890";
/** Not in alphabetical order, which some writers of JSON put keys into. */
const KEYS = ["session", "seq", "z", "a", "text"];

/** A call whose arguments are `size` bytes long. */
export function echoCall(session: string, id: number, size: number): Call {
  const head = `{"session":"${session}","seq":${id},"z":1,"a":${BIG_NUMBER},"text":"`;
  // The last characters take two bytes each: text is to survive, not only ASCII.
  const text = `${"x".repeat(Math.max(0, size - head.length - 6))}é£`;
  const payload = Buffer.from(`${head}${text}"}`);
  return { id, session, payload, body: Buffer.concat([lead(id, "echo"), payload, Buffer.from("}}")]) };
}

/** A call that is answered with `size` bytes of text. */
export function blobBody(id: number, size: number): Buffer {
  return Buffer.concat([lead(id, "blob"), Buffer.from(`{"bytes":${size}}}}`)]);
}

export function initializeBody(id: number, protocolVersion: string): Buffer {
  const params = { protocolVersion, capabilities: {}, clientInfo: { name: "bench", version: "1" } };
  return Buffer.from(JSON.stringify({ jsonrpc: "2.0", id, method: "initialize", params }));
}

export const INITIALIZED = Buffer.from('{"jsonrpc":"2.0","method":"notifications/initialized"}');

function lead(id: number, tool: string): Buffer {
  return Buffer.from(`{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"${tool}","arguments":`);
}

const LEAD = '{"jsonrpc":"2.0","id":';

/** The id of a response; undefined for everything else. Without parsing where it stands in front, as most write it. */
export function responseId(message: Buffer): number | undefined {
  const start = message.toString("latin1", 0, 64);
  if (start.startsWith(LEAD)) {
    const match = /^(\d+),"(?:result|error)"/.exec(start.slice(LEAD.length));
    if (match !== null) return Number(match[1]);
  }
  const { id, result, error } = parse(message);
  return typeof id === "number" && (result !== undefined || error !== undefined) ? id : undefined;
}

/** Whether `message` is the answer to `call`. */
export function checkAnswer(message: Buffer, call: Call): Verdict {
  if (message.includes(call.payload)) return "ok";
  const { result } = parse(message);
  const echoed = (result as { structuredContent?: Record<string, unknown> } | undefined)?.structuredContent;
  if (typeof echoed !== "object" || echoed === null) return "error";
  if (echoed.session !== call.session || echoed.seq !== call.id) return "wrong session";
  // Other blanks and escapes say the same; other numbers, keys or texts do not.
  const sent = JSON.parse(call.payload.toString()) as Record<string, unknown>;
  const same = Object.keys(echoed).join() === KEYS.join() && echoed.text === sent.text;
  return same && message.includes(BIG_NUMBER) ? "ok" : "altered";
}

/** What is odd about a wrong answer, in a few words. */
export function describeAnswer(message: Buffer | undefined, call: Call): string {
  if (message === undefined) return "nothing came";
  const text = message.toString();
  const { result } = parse(message);
  const echoed = (result as { structuredContent?: Record<string, unknown> } | undefined)?.structuredContent;
  if (typeof echoed !== "object" || echoed === null) return text.slice(0, 120);
  const { session, seq } = echoed;
  if (session !== call.session || seq !== call.id) {
    return `session ${call.session} got for call ${call.id} the answer to call ${seq} of session ${session}`;
  }
  const number = /"a":\s*([^,}]+)/.exec(text)?.[1];
  if (number !== BIG_NUMBER) return `${BIG_NUMBER} came back as ${number}`;
  return `keys came back as ${Object.keys(echoed).join(", ")}`;
}

function parse(message: Buffer): { id?: unknown; result?: unknown; error?: unknown } {
  try {
    const value: unknown = JSON.parse(message.toString());
    return typeof value === "object" && value !== null ? value : {};
  } catch {
    return {};
  }
}
