import type { OptionSpec } from "./option-kinds.ts";
import { type Hosting, optionSet } from "./option-set.ts";

const COMMAND_USAGE = `mcp-bridge serves a stdio MCP server over HTTP, with one process per session or one for all.

Usage:
  mcp-bridge [options] -- <command> [arguments…]
  mcp-bridge health [--port N] [--host ADDRESS]    exit 0 if a running bridge is healthy, else 1`;

const hostedUsage = (name: string): string => `${name} is an MCP server over HTTP, hosted in this process.

Usage:
  <this program> [options]`;

/** Text of `--help`, from the one table of options. */
export function helpText(hosted?: Hosting): string {
  const rows = (Object.values(optionSet(hosted)) as OptionSpec[]).map((spec) => {
    const repeat = spec.list ? " (repeatable)" : "";
    return `  ${spec.flag} ${spec.value}${repeat}\n      ${spec.help}\n      Environment: ${spec.env}. Default: ${spec.shown}.\n`;
  });
  return `${hosted === undefined ? COMMAND_USAGE : hostedUsage(hosted.name)}

Endpoints: /mcp, /sse with /messages, /health, /metrics;
  with OAuth also /.well-known/oauth-protected-resource, which tells clients where tokens come from

Options (a flag wins over its environment variable; lists are comma-separated there):
${rows.join("")}  --help, --version

Exit codes: 0 ended as asked, 1 failed, 2 wrong options.
`;
}
