import { type Message, readMessage } from "./envelope.ts";
import { findPath, findString } from "./json-spans.ts";
import { calledTool, filterTools, replaceValue, stripCapabilities } from "./rewrite.ts";
import { LATEST_SESSION_VERSION, SESSION_VERSIONS } from "./versions.ts";

/** What a server's requests need of a client, by the capability that the client declares for it. */
const METHOD_OF_CAPABILITY: Readonly<Record<string, string>> = {
  roots: "roots/list",
  sampling: "sampling/createMessage",
  elicitation: "elicitation/create",
};

/** What is hidden from a server, and from its clients. Decides only; the session acts. */
export class Policy {
  readonly #allowedTools: ReadonlySet<string> | undefined;
  readonly #deniedTools: ReadonlySet<string>;
  readonly #stripped: readonly string[];
  readonly #refusedMethods: ReadonlySet<string>;

  constructor(options: {
    readonly allowedTool: readonly string[];
    readonly deniedTool: readonly string[];
    readonly stripClientCapability: readonly string[];
  }) {
    this.#allowedTools = options.allowedTool.length > 0 ? new Set(options.allowedTool) : undefined;
    this.#deniedTools = new Set(options.deniedTool);
    this.#stripped = options.stripClientCapability;
    this.#refusedMethods = new Set(this.#stripped.flatMap((name) => METHOD_OF_CAPABILITY[name] ?? []));
  }

  /** `initialize` as the server shall see it: a version that exists, and only the capabilities it may use. */
  initialize(message: Message): Message {
    let { bytes } = message;
    const asked = findString(bytes, 0, ["params", "protocolVersion"]);
    if (asked !== undefined && !SESSION_VERSIONS.includes(asked)) {
      // Some servers echo any version back; this way the answer names one that is served here.
      const span = findPath(bytes, 0, ["params", "protocolVersion"]);
      if (span !== undefined) bytes = replaceValue(bytes, span, `"${LATEST_SESSION_VERSION}"`);
    }
    bytes = stripCapabilities(bytes, this.#stripped);
    if (bytes === message.bytes) return message;
    const rewritten = readMessage(bytes);
    return rewritten.ok ? rewritten.value : message;
  }

  /** Why a call must not reach the server; undefined if it may. */
  refusedCall(message: Message): string | undefined {
    if (!this.#filtersTools || message.method !== "tools/call") return undefined;
    const tool = calledTool(message);
    if (tool === undefined) return '"params" must have exactly one "name", the tool to call';
    if (this.#allowsTool(tool)) return undefined;
    const allowed =
      this.#allowedTools === undefined
        ? ""
        : `; allowed: ${[...this.#allowedTools].filter((name) => this.#allowsTool(name)).join(", ")}`;
    return `tool "${tool}" is not allowed here${allowed}`;
  }

  /** A `tools/list` answer with the allowed tools only. */
  listedTools(message: Message): Buffer {
    if (!this.#filtersTools || message.result === undefined) return message.bytes;
    return filterTools(message.bytes, message.result, (tool) => this.#allowsTool(tool));
  }

  get #filtersTools(): boolean {
    return this.#allowedTools !== undefined || this.#deniedTools.size > 0;
  }

  /** The deny-list wins: what is denied stays denied, whatever else is written. */
  #allowsTool(tool: string): boolean {
    return !this.#deniedTools.has(tool) && (this.#allowedTools?.has(tool) ?? true);
  }

  /** A client capability that the server must not see. */
  hides(capability: string): boolean {
    return this.#stripped.includes(capability);
  }

  /** A request of the server that its client must never see, because the capability was stripped. */
  refusesServerRequest(method: string): boolean {
    return this.#refusedMethods.has(method);
  }

  /** A client's notification about something the server does not know of. */
  dropsNotification(method: string): boolean {
    return method === "notifications/roots/list_changed" && this.#stripped.includes("roots");
  }
}
