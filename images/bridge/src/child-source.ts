import { ChildPool } from "./child-pool.ts";
import type { ServerSource, SourceContext } from "./server-source.ts";

/** Servers that are processes of the command after `--`. */
export function childSource({ options, env, log, metrics }: SourceContext): ServerSource {
  const [command = "", ...args] = options.command;
  const spec = { command, args, env: childEnvironment(env), maxMessageBytes: options.maxMessageBytes };
  const { warmChildren, requestTimeout } = options;
  return new ChildPool({ spec, warmChildren, startWait: requestTimeout, log, metrics });
}

/** The bridge's environment without its own secrets. */
function childEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("MCP_AUTH_")));
}
