import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { helpText } from "../src/help.ts";
import type { OptionSpec } from "../src/option-kinds.ts";
import { OPTION_TABLE } from "../src/option-table.ts";
import { type Options, parseOptions } from "../src/options.ts";
import { formatDuration, formatSize, parseDuration, parseSize } from "../src/units.ts";

function read(argv: string[], env: NodeJS.ProcessEnv = {}): Options {
  const parsed = parseOptions(argv, env);
  if (parsed.kind !== "run") throw new Error(JSON.stringify(parsed));
  return parsed.options;
}

const SPECS = Object.values(OPTION_TABLE) as OptionSpec[];

test("defaults", () => {
  expect(read(["--", "/usr/bin/my-server", "--its", "--own"])).toEqual({
    port: 8080,
    host: "127.0.0.1",
    name: "my-server",
    childMode: "session",
    warmChildren: 1,
    maxSessions: 256,
    maxInFlight: 2048,
    maxQueueBytes: 4 * 2 ** 20,
    maxBodyBytes: 16 * 2 ** 20,
    maxMessageBytes: 64 * 2 ** 20,
    eventStoreBytes: 256 * 2 ** 10,
    idleTimeout: 300_000,
    requestTimeout: 30_000,
    drainTimeout: 10_000,
    keepAlive: 15_000,
    allowedHost: [],
    allowedOrigin: [],
    allowedTool: [],
    deniedTool: [],
    stripClientCapability: [],
    authTokenSha256: [],
    authTokenFile: undefined,
    oauthIssuer: [],
    oauthResource: undefined,
    oauthAudience: [],
    oauthScope: [],
    oauthJwksUri: undefined,
    stateKeyFile: undefined,
    logLevel: "info",
    logRequests: "off",
    logPayloads: 0,
    otlpEndpoint: undefined,
    otlpTracesEndpoint: undefined,
    command: ["/usr/bin/my-server", "--its", "--own"],
  });
});

test("a flag wins over its environment variable, and an empty variable is none", () => {
  const env = { MCP_PORT: "9000", MCP_HOST: "0.0.0.0", MCP_SERVER_NAME: "", MCP_MAX_SESSIONS: " " };
  expect(read(["--port=9001", "--", "x"], env)).toMatchObject({
    port: 9001,
    host: "0.0.0.0",
    name: "x",
    maxSessions: 256,
  });
});

test("lists: repeated, with commas, and from the environment", () => {
  expect(read(["--allowed-tool", "a,b", "--allowed-tool", "c", "--", "x"]).allowedTool).toEqual(["a", "b", "c"]);
  const env = {
    MCP_ALLOWED_HOSTS: "mcp-filesystem, mcp-filesystem:8080,localhost",
    MCP_STRIP_CLIENT_CAPABILITIES: "roots",
  };
  const options = read(["--", "x"], env);
  expect(options.allowedHost).toEqual(["mcp-filesystem", "mcp-filesystem:8080", "localhost"]);
  expect(options.stripClientCapability).toEqual(["roots"]);
});

test("human units", () => {
  const options = read(["--idle-timeout", "5m", "--request-timeout", "1500", "--max-body-bytes", "4MiB", "--", "x"]);
  expect([options.idleTimeout, options.requestTimeout, options.maxBodyBytes]).toEqual([300_000, 1_500, 4_194_304]);
});

test("what follows -- is the command, whatever it looks like", () => {
  expect(read(["--", "node", "--port", "1", "--", "--help"]).command).toEqual(["node", "--port", "1", "--", "--help"]);
});

describe("bad input", () => {
  test.each([
    [
      ["--", ""],
      "no command: write the stdio server's command after `--`, e.g. `mcp-bridge --port 8080 -- node server.js`",
    ],
    [["--prot", "1", "--", "x"], "--prot: no such option; did you mean --port? See --help"],
    [["--wholly-unknown", "--", "x"], "--wholly-unknown: no such option See --help"],
    [["node", "--", "x"], '"node": not an option; the server\'s command goes after `--`'],
    [["--port", "--", "x"], "--port: needs a value, a whole number from 0 to 65535"],
    [
      ["--port", "70000", "--", "x"],
      '--port (MCP_PORT): "70000" is not valid; it must be a whole number from 0 to 65535. Try --port 8080.',
    ],
    [
      ["--child-mode", "pooled", "--", "x"],
      '--child-mode (MCP_CHILD_MODE): "pooled" is not valid; it must be session or shared. Try --child-mode session.',
    ],
    [
      ["--idle-timeout", "5 minutes", "--", "x"],
      '--idle-timeout (MCP_IDLE_TIMEOUT): "5 minutes" is not valid; it must be a time of at least 100ms, like 500ms, 30s, 5m or plain milliseconds. Try --idle-timeout 5m.',
    ],
    [
      ["--max-body-bytes", "1B", "--", "x"],
      '--max-body-bytes (MCP_MAX_BODY_BYTES): "1B" is not valid; it must be a size of at least 1KiB, like 64KiB, 4MiB or plain bytes. Try --max-body-bytes 16MiB.',
    ],
    [
      ["--allowed-host", "http://x", "--", "x"],
      '--allowed-host (MCP_ALLOWED_HOSTS): "http://x" is not valid; it must be a host name or address, with or without port, or *. Give a valid value or leave it out.',
    ],
    [
      ["--auth-token-sha256", "my-secret-token", "--", "x"],
      '--auth-token-sha256 (MCP_AUTH_TOKEN_SHA256): "…" is not valid; it must be 64 lower-case hex digits. Make it with: printf %s TOKEN | sha256sum.',
    ],
    [
      ["--otlp-endpoint", "http://me:secret@collector:4318", "--", "x"],
      '--otlp-endpoint (OTEL_EXPORTER_OTLP_ENDPOINT): "…" is not valid; it must be an http or https URL; credentials go into OTEL_EXPORTER_OTLP_HEADERS. Try --otlp-endpoint http://127.0.0.1:4318.',
    ],
    [
      ["--log-payloads", "yes", "--", "x"],
      '--log-payloads (MCP_LOG_PAYLOADS): "yes" is not valid; it must be a size of at least 0B, like 64KiB, 4MiB or plain bytes. Try --log-payloads 4KiB.',
    ],
    [
      ["--log-level", "loud", "--", "x"],
      '--log-level (MCP_LOG_LEVEL): "loud" is not valid; it must be debug or info or warn or error. Try --log-level info.',
    ],
    [
      ["--allowed-tool", "a,b", "--denied-tool", "b,c", "--", "x"],
      '--denied-tool (MCP_DENIED_TOOLS): "b" is on --allowed-tool (MCP_ALLOWED_TOOLS) too; take it off one of them.',
    ],
    [
      ["--allowed-tool", " ,", "--", "x"],
      '--allowed-tool (MCP_ALLOWED_TOOLS): " ," is not valid; it must be a tool\'s name, 1 to 128 characters. Give a valid value or leave it out.',
    ],
    [
      ["--oauth-issuer", "http://issuer.example.com", "--oauth-resource", "https://x/mcp", "--", "x"],
      '--oauth-issuer (MCP_OAUTH_ISSUERS): "http://issuer.example.com" is not valid; it must be an https URL (http only on a loopback address) without user, query and fragment. Give a valid value or leave it out.',
    ],
    [
      ["--oauth-issuer", "https://issuer.example.com", "--", "x"],
      "--oauth-issuer (MCP_OAUTH_ISSUERS): needs --oauth-resource (MCP_OAUTH_RESOURCE), or tokens for any other service would do; give the public URL of /mcp.",
    ],
    [
      ["--oauth-issuer", "https://a", "--oauth-resource", "https://user@x/mcp", "--", "x"],
      '--oauth-resource (MCP_OAUTH_RESOURCE): "https://user@x/mcp" is not valid; it must be an http or https URL without user, query and fragment. Give the URL that clients connect to, e.g. https://mcp.example.com/mcp.',
    ],
    [
      [
        ...["--oauth-issuer", "https://a", "--oauth-issuer", "https://b"],
        ...["--oauth-resource", "https://x/mcp", "--oauth-jwks-uri", "https://a/keys", "--", "x"],
      ],
      "--oauth-jwks-uri (MCP_OAUTH_JWKS_URI): 2 issuers cannot have the same keys; leave it out, or name one --oauth-issuer (MCP_OAUTH_ISSUERS).",
    ],
  ])("%j", (argv, problem) => {
    expect(parseOptions(argv, {})).toEqual({ kind: "invalid", problems: [problem] });
  });

  test("all problems at once", () => {
    const parsed = parseOptions(["--port", "x", "--nope", "--max-sessions", "0"], { MCP_WARM_CHILDREN: "7" });
    expect(parsed.kind === "invalid" ? parsed.problems.map((problem) => problem.split(":")[0]) : []).toEqual([
      "--nope",
      "--port (MCP_PORT)",
      "--warm-children (MCP_WARM_CHILDREN)",
      "--max-sessions (MCP_MAX_SESSIONS)",
      "no command",
    ]);
  });
});

test("OAuth without an issuer is no OAuth, and must not start: every option of it is reported", () => {
  const env = { MCP_OAUTH_SCOPES: "mcp:tools", MCP_OAUTH_JWKS_URI: "ftp://x" };
  const parsed = parseOptions(["--oauth-resource", "https://x/mcp", "--oauth-audience", "y", "--", "x"], env);
  const lacks = "has no effect without --oauth-issuer (MCP_OAUTH_ISSUERS); name the issuer of the tokens.";
  expect(parsed).toEqual({
    kind: "invalid",
    problems: [
      '--oauth-jwks-uri (MCP_OAUTH_JWKS_URI): "ftp://x" is not valid; it must be an https URL (http only on a loopback address) without user and fragment. Give a valid value or leave it out.',
      `--oauth-resource (MCP_OAUTH_RESOURCE): ${lacks}`,
      `--oauth-audience (MCP_OAUTH_AUDIENCES): ${lacks}`,
      `--oauth-scope (MCP_OAUTH_SCOPES): ${lacks}`,
      `--oauth-jwks-uri (MCP_OAUTH_JWKS_URI): ${lacks}`,
    ],
  });
});

test("OAuth: issuers stay as they are written, the resource becomes canonical", () => {
  const argv = ["--oauth-issuer", "https://a.example.com/,http://localhost:9000/realms/x", "--oauth-resource"];
  for (const [given, resource] of [
    ["HTTPS://MCP.Example.com:443/mcp/", "https://mcp.example.com/mcp"],
    ["http://mcp-memory:8080", "http://mcp-memory:8080"],
  ] as const) {
    const options = read([...argv, given, "--", "x"], { MCP_OAUTH_SCOPES: "mcp:tools,https://x/read" });
    expect(options.oauthIssuer).toEqual(["https://a.example.com/", "http://localhost:9000/realms/x"]);
    expect(options.oauthResource).toBe(resource);
    expect(options.oauthScope).toEqual(["mcp:tools", "https://x/read"]);
  }
});

test("--help names every option with its variable and default", () => {
  expect(parseOptions(["--help"], {})).toEqual({ kind: "help" });
  expect(parseOptions(["--version"], {})).toEqual({ kind: "version" });
  const text = helpText();
  for (const spec of SPECS) {
    expect(text).toContain(`  ${spec.flag} ${spec.value}`);
    expect(text).toContain(`Environment: ${spec.env}. Default: ${spec.shown}.`);
  }
});

test("the README's table of options is the table of options", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const squeeze = (line: string): string => line.replaceAll(/ +/g, " ");
  const rows = readme
    .split("\n")
    .filter((line) => line.startsWith("| `--"))
    .map(squeeze);
  const cell = (text: string): string => text.replaceAll("|", "\\|");
  expect(rows).toEqual(
    SPECS.map((spec) => `| \`${spec.flag}\` | \`${spec.env}\` | ${cell(spec.shown)} | ${cell(spec.help)} |`),
  );
});

test("units", () => {
  expect(["1", "20ms", "1.5s", "2m", "1h"].map(parseDuration)).toEqual([1, 20, 1_500, 120_000, 3_600_000]);
  expect(["", "-1", "s", "1 d", "1e3"].map(parseDuration)).toEqual(Array(5).fill(undefined));
  expect(["1", "2KiB", "2kb", "1MiB", "1.5 GiB", "7b"].map(parseSize)).toEqual([
    1, 2_048, 2_000, 1_048_576, 1_610_612_736, 7,
  ]);
  expect(["", "-1", "KiB", "1TiB"].map(parseSize)).toEqual(Array(4).fill(undefined));
  expect([1, 1_000, 90_000, 300_000, 3_600_000].map(formatDuration)).toEqual(["1ms", "1s", "90s", "5m", "1h"]);
  expect([1, 1_024, 4_194_304, 2 ** 30].map(formatSize)).toEqual(["1B", "1KiB", "4MiB", "1GiB"]);
});
