import type { Host, HostedDefinition } from "./hosted-server.ts";
import { main } from "./main.ts";

export type { CreateServer, Host, HostedDefinition, HostedServer, HostedSession } from "./hosted-server.ts";
export type { Log } from "./log.ts";
export type { OwnChecks } from "./own-checks.ts";

/**
 * Serves an MCP server of this process over HTTP: the whole program of a server that is written for it. It takes the
 * options and variables of `mcp-bridge`, without a command; ends the process after `--help` (0) and on wrong options
 * (2); and drains on SIGTERM.
 *
 * @param argv options; tests give their own, e.g. `["--port", "0"]`
 */
export async function hostServer(definition: HostedDefinition, argv = process.argv.slice(2)): Promise<Host> {
  const host = await main(argv, definition);
  return host ?? process.exit();
}
