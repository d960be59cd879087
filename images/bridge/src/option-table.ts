import { LOG_LEVELS } from "./log.ts";
import { choice, duration, integer, list, type OptionSpec, otlpUrl, size, text } from "./option-kinds.ts";
import { OAUTH_OPTIONS } from "./option-table-oauth.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

export const OPTION_TABLE = {
  port: integer({ flag: "--port", env: "MCP_PORT", help: "Port to listen on; 0 for any free one." }, 8080, 0, 65_535),
  host: text(
    { flag: "--host", env: "MCP_HOST", help: "Address to listen on; 0.0.0.0 in a container." },
    "127.0.0.1",
    "127.0.0.1",
    "an address or host name of this machine",
    /^[\w.:-]+$/,
  ),
  name: text(
    { flag: "--name", env: "MCP_SERVER_NAME", help: "Name of the server in health, metrics and logs." },
    undefined,
    "the command's name",
    "1 to 64 letters, digits, dots, dashes or underscores",
    /^[\w.-]{1,64}$/,
  ),
  childMode: choice(
    {
      flag: "--child-mode",
      env: "MCP_CHILD_MODE",
      help: "`session`: one server process per session. `shared`: one for all, for servers that keep nothing of a session.",
    },
    "session",
    ["session", "shared"],
  ),
  warmChildren: integer(
    {
      flag: "--warm-children",
      env: "MCP_WARM_CHILDREN",
      help: "Server processes that wait ready for the next session; in `shared` mode, the one process is started in advance and kept.",
    },
    1,
    0,
    1,
  ),
  maxSessions: integer(
    {
      flag: "--max-sessions",
      env: "MCP_MAX_SESSIONS",
      help: "Sessions and servers without one, open at a time; over it: 503.",
    },
    256,
    1,
    100_000,
  ),
  maxInFlight: integer(
    {
      flag: "--max-in-flight",
      env: "MCP_MAX_IN_FLIGHT",
      help: "Requests of one session that wait for an answer at a time; over it: 429.",
    },
    2_048,
    1,
    1_000_000,
  ),
  maxQueueBytes: size(
    {
      flag: "--max-queue-bytes",
      env: "MCP_MAX_QUEUE_BYTES",
      help: "Bytes of one session that may wait for a slow client (then the server is paused) or a slow server (then: 503).",
    },
    4 * MIB,
    KIB,
  ),
  maxBodyBytes: size(
    {
      flag: "--max-body-bytes",
      env: "MCP_MAX_BODY_BYTES",
      help: "Largest request body; over it: 413. The default takes a 10 MB file as base64.",
    },
    16 * MIB,
    KIB,
  ),
  maxMessageBytes: size(
    {
      flag: "--max-message-bytes",
      env: "MCP_MAX_MESSAGE_BYTES",
      help: "Longest line of the server; a process that writes a longer one is ended.",
    },
    64 * MIB,
    KIB,
  ),
  eventStoreBytes: size(
    {
      flag: "--event-store-bytes",
      env: "MCP_EVENT_STORE_BYTES",
      help: "Sent events of one session that are kept for Last-Event-ID; answers nobody received yet are kept up to twice --max-queue-bytes.",
    },
    256 * KIB,
    0,
  ),
  idleTimeout: duration(
    {
      flag: "--idle-timeout",
      env: "MCP_IDLE_TIMEOUT",
      help: "A session without connection, request or message for this long ends.",
    },
    300_000,
    100,
  ),
  requestTimeout: duration(
    {
      flag: "--request-timeout",
      env: "MCP_REQUEST_TIMEOUT",
      help: "Longest wait for an answer; restarted by the request's progress.",
    },
    30_000,
    50,
  ),
  drainTimeout: duration(
    {
      flag: "--drain-timeout",
      env: "MCP_DRAIN_TIMEOUT",
      help: "From SIGTERM to the exit at the latest; requests in flight get all of it but the last 3.5 s.",
    },
    10_000,
    100,
  ),
  keepAlive: duration(
    { flag: "--keep-alive", env: "MCP_KEEP_ALIVE", help: "Pause between comments on open streams." },
    15_000,
    100,
  ),
  allowedHost: list(
    {
      flag: "--allowed-host",
      env: "MCP_ALLOWED_HOSTS",
      help: "Host header that is accepted beside loopback names; with a port only that port, without one any; * for all.",
    },
    "HOST",
    "loopback names",
    "a host name or address, with or without port, or *",
    /^(\*|[\w.-]+(:\d+)?|\[[0-9a-fA-F:.]+\](:\d+)?)$/,
  ),
  allowedOrigin: list(
    {
      flag: "--allowed-origin",
      env: "MCP_ALLOWED_ORIGINS",
      help: "Origin header that is accepted beside those of allowed hosts; * for all.",
    },
    "ORIGIN",
    "allowed hosts",
    "an origin like https://app.example.com, or *",
    /^(\*|[a-z][a-z0-9+.-]*:\/\/[^/,\s]+)$/,
  ),
  allowedTool: list(
    {
      flag: "--allowed-tool",
      env: "MCP_ALLOWED_TOOLS",
      help: "Tool that clients may list and call; the others are hidden and refused.",
    },
    "TOOL",
    "all",
    "a tool's name, 1 to 128 characters",
    /^[^\s,]{1,128}$/,
  ),
  deniedTool: list(
    {
      flag: "--denied-tool",
      env: "MCP_DENIED_TOOLS",
      help: "Tool that clients may neither list nor call; wins over --allowed-tool.",
    },
    "TOOL",
    "none",
    "a tool's name, 1 to 128 characters",
    /^[^\s,]{1,128}$/,
  ),
  stripClientCapability: list(
    {
      flag: "--strip-client-capability",
      env: "MCP_STRIP_CLIENT_CAPABILITIES",
      help: "Client capability that the server never sees, e.g. roots, with which a client replaces the folders of filesystem.",
    },
    "NAME",
    "none",
    "a capability's name, e.g. roots, sampling or elicitation",
    /^[a-zA-Z][\w/.-]{0,63}$/,
  ),
  authTokenSha256: {
    ...list(
      {
        flag: "--auth-token-sha256",
        env: "MCP_AUTH_TOKEN_SHA256",
        help: "SHA-256 of an accepted bearer token, 64 lower-case hex digits; several while a token is rotated.",
      },
      "HEX",
      "no token: auth is off",
      "64 lower-case hex digits",
      /^[0-9a-f]{64}$/,
    ),
    secret: true,
    remedy: "Make it with: printf %s TOKEN | sha256sum.",
  },
  authTokenFile: {
    ...text(
      {
        flag: "--auth-token-file",
        env: "MCP_AUTH_TOKEN_FILE",
        help: "File with accepted bearer tokens, one per line; read at start.",
      },
      undefined,
      "none",
      "the path of a readable file",
      /./,
    ),
    value: "FILE",
  },
  ...OAUTH_OPTIONS,
  stateKeyFile: {
    ...text(
      {
        flag: "--state-key-file",
        env: "MCP_STATE_KEY_FILE",
        help: "File with the secret that signs `requestState` of 2026-07-28, at least 32 bytes; the same for all replicas.",
      },
      undefined,
      "a new one per process",
      "the path of a readable file",
      /./,
    ),
    value: "FILE",
  },
  logLevel: choice(
    { flag: "--log-level", env: "MCP_LOG_LEVEL", help: "Least level that is logged." },
    "info",
    LOG_LEVELS,
  ),
  logRequests: choice(
    {
      flag: "--log-requests",
      env: "MCP_LOG_REQUESTS",
      help: "One line at level info for each request that is over.",
    },
    "off",
    ["off", "on"],
  ),
  logPayloads: {
    ...size(
      {
        flag: "--log-payloads",
        env: "MCP_LOG_PAYLOADS",
        help: "Unsafe, for finding faults only: log requests with so much of their parameters and answers, and trace servers' error messages.",
      },
      0,
      0,
    ),
    shown: "nothing of them",
    remedy: "Try --log-payloads 4KiB.",
  },
  otlpEndpoint: otlpUrl({
    flag: "--otlp-endpoint",
    env: "OTEL_EXPORTER_OTLP_ENDPOINT",
    help: "Collector that gets a span for each request: OTLP over HTTP, under /v1/traces.",
  }),
  otlpTracesEndpoint: otlpUrl({
    flag: "--otlp-traces-endpoint",
    env: "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    help: "The same as the whole URL; wins over --otlp-endpoint.",
  }),
} satisfies Record<string, OptionSpec>;

export type OptionName = keyof typeof OPTION_TABLE;
