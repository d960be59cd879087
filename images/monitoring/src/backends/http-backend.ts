import type { z } from "zod";
import type { BackendConfig } from "../config.ts";
import { BackendError, noAnswer } from "./backend-error.ts";
import { Gate } from "./gate.ts";

/** Requests to one backend at a time: a crowd of clients must not become a crowd in front of it. */
const AT_ONCE = 6;

export interface Ask {
  readonly params?: Readonly<Record<string, string | number>>;
  /** Ends with its caller's request. */
  readonly signal?: AbortSignal | undefined;
  readonly maxBytes: number;
  /** Shorter than the usual wait. */
  readonly timeoutMs?: number;
  /** A status other than 2xx whose body is an answer all the same, if it is JSON: a proxy's is not. */
  readonly alsoGood?: number;
}

/** One backend over HTTP: bounded in time, bytes and connections, and without repeating what failed. */
export class HttpBackend {
  readonly url: string;
  readonly name: string;
  readonly #config: BackendConfig;
  readonly #timeoutMs: number;
  readonly #gate = new Gate(AT_ONCE);

  constructor(config: BackendConfig, timeoutMs: number) {
    this.url = config.url;
    this.name = config.name;
    this.#config = config;
    this.#timeoutMs = timeoutMs;
  }

  /** As it stands in the beginning of an error. */
  get subject(): string {
    return `${this.name} at ${this.url}`;
  }

  /** The body of a good answer; everything else is a `BackendError`. */
  async text(path: string, ask: Ask): Promise<string> {
    const { params = {}, signal, maxBytes, timeoutMs = this.#timeoutMs, alsoGood } = ask;
    const query = new URLSearchParams(
      Object.entries(params).map(([key, value]): [string, string] => [key, String(value)]),
    );
    const late = AbortSignal.timeout(timeoutMs);
    const ends = signal === undefined ? late : AbortSignal.any([signal, late]);
    try {
      return await this.#gate.run(ends, async () => {
        const response = await fetch(`${this.url}${path}${query.size > 0 ? `?${query}` : ""}`, {
          headers: this.#config.headers,
          // A redirect would take the credentials along.
          redirect: "manual",
          signal: ends,
        });
        const body = await this.#readBody(response, maxBytes);
        const good = response.ok || (response.status === alsoGood && body.startsWith("{"));
        if (!good) throw this.#refusal(response, body);
        return body;
      });
    } catch (error) {
      if (error instanceof BackendError) throw error;
      if (signal?.aborted) throw signal.reason;
      if (late.aborted) throw this.#lateAnswer(timeoutMs);
      throw noAnswer(error, this.subject, this.#config.variable);
    }
  }

  async json<T>(path: string, schema: z.ZodType<T>, ask: Ask): Promise<T> {
    const text = await this.text(path, ask);
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      throw this.#unexpected(path, "no JSON");
    }
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    const [{ path: where = [], message = "" } = {}] = parsed.error.issues;
    throw this.#unexpected(path, `${where.join(".") || "it"}: ${message}`);
  }

  async #readBody(response: Response, maxBytes: number): Promise<string> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    for await (const chunk of response.body ?? []) {
      length += chunk.length;
      // Leaving the loop cancels the rest.
      if (length > maxBytes) {
        const message = `${this.subject} answered with more than ${maxBytes / 1_048_576} MiB. Ask for less: a shorter time range, a lower limit, a narrower query.`;
        throw new BackendError("too_large", message);
      }
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString("utf8");
  }

  #refusal({ status, headers }: Response, body: string): BackendError {
    const { variable, credentials } = this.#config;
    const said = sayingOf(body);
    const answer = { status, said };
    const quoted = said === "" ? "" : `: ${said}`;
    if ((status === 401 || status === 403) && credentials !== undefined) {
      const keys = `${credentials}_TOKEN, or ${credentials}_USERNAME and ${credentials}_PASSWORD`;
      const message = `${this.subject} does not let us in (HTTP ${status}${quoted}). Set ${keys} to what it accepts.`;
      return new BackendError("status", message, answer);
    }
    if (status >= 300 && status < 400) {
      const target = headers.get("location") ?? "another place";
      const message = `${this.subject} redirects to ${target}, which is not followed. Set ${variable} to where it ends.`;
      return new BackendError("status", message, answer);
    }
    return new BackendError("status", `${this.subject} answered HTTP ${status}${quoted}`, answer);
  }

  #lateAnswer(timeoutMs: number): BackendError {
    const message = `${this.subject} gave no answer within ${timeoutMs / 1_000} s. It may be overloaded: ask for a shorter time range or a narrower query, or raise MONITORING_TIMEOUT_SECONDS.`;
    return new BackendError("timeout", message);
  }

  #unexpected(path: string, what: string): BackendError {
    const message = `${this.url}${path} does not answer like ${this.name} (${what}). Is ${this.#config.variable} the address of ${this.name}?`;
    return new BackendError("unexpected", message);
  }
}

const MAX_SAYING = 500;

/** What an error's body says, on one line: plain text, or the message of the usual JSON. */
function sayingOf(body: string): string {
  let text = body;
  try {
    const { message, error, errorMessage } = JSON.parse(body) as Record<string, unknown>;
    const [found] = [message, error, errorMessage].filter((it) => typeof it === "string");
    if (found !== undefined) text = found as string;
  } catch {
    // Plain text, then; a page of HTML says nothing that its status does not.
    if (body.trimStart().startsWith("<")) return "";
  }
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length > MAX_SAYING ? `${line.slice(0, MAX_SAYING)}…` : line;
}
