/** Keys that 2026-07-28 reserves in `_meta`, and what is served of that revision. */
export const META_PREFIX = "io.modelcontextprotocol/";
export const META_VERSION = `${META_PREFIX}protocolVersion`;
export const META_CAPABILITIES = `${META_PREFIX}clientCapabilities`;
export const META_CLIENT_INFO = `${META_PREFIX}clientInfo`;
export const META_LOG_LEVEL = `${META_PREFIX}logLevel`;
export const META_SERVER_INFO = `${META_PREFIX}serverInfo`;
export const META_SUBSCRIPTION = `${META_PREFIX}subscriptionId`;

/** Revisions served without sessions. */
export const SESSIONLESS_VERSIONS: readonly string[] = ["2026-07-28"];

/** Every request of the era; all others, the removed ones of older revisions among them, are unknown to it. */
export const SESSIONLESS_METHODS: ReadonlySet<string> = new Set([
  "server/discover",
  "subscriptions/listen",
  "completion/complete",
  "prompts/get",
  "prompts/list",
  "resources/list",
  "resources/read",
  "resources/templates/list",
  "tools/call",
  "tools/list",
]);

/** Whose answer says how long it may be cached (2026-07-28, caching). */
export const CACHEABLE_METHODS: ReadonlySet<string> = new Set([
  "server/discover",
  "prompts/list",
  "resources/list",
  "resources/read",
  "resources/templates/list",
  "tools/list",
]);

/** What may be answered with `input_required`, and the parameter that the `Mcp-Name` header repeats. */
export const NAME_PARAM: Readonly<Record<string, string>> = {
  "tools/call": "name",
  "prompts/get": "name",
  "resources/read": "uri",
};

/** RFC 5424, least first. */
export const MCP_LOG_LEVELS: readonly string[] = [
  "debug",
  "info",
  "notice",
  "warning",
  "error",
  "critical",
  "alert",
  "emergency",
];
