import { ChildPool } from "./child-pool.ts";
import { ServerEra } from "./server-era.ts";
import type { ServerSource, SourceContext } from "./server-source.ts";
import { SharedSource } from "./shared-source.ts";
import { bridgeVersion } from "./version.ts";

/** Servers that are processes of the command after `--`: one per session, or one for all. */
export function childSource({ options, env, log, metrics }: SourceContext): ServerSource {
  const [command = "", ...args] = options.command;
  const spec = { command, args, env: childEnvironment(env), maxMessageBytes: options.maxMessageBytes };
  const { childMode, warmChildren, idleTimeout, requestTimeout, maxQueueBytes } = options;
  const pool = { spec, startWait: requestTimeout, log, metrics };
  if (childMode !== "shared") return new ChildPool({ ...pool, warmChildren });
  const source = new ChildPool({ ...pool, warmChildren: 0 });
  const era = new ServerEra(log);
  return new SharedSource({
    source,
    adapt: (port) => era.adapt(port),
    warm: warmChildren > 0,
    idleTimeout,
    requestTimeout,
    maxQueueBytes,
    version: bridgeVersion(),
    log,
    metrics,
    onSettled: () => source.backoff.served(),
  });
}

/** The bridge's environment without its own secrets. */
function childEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith("MCP_AUTH_")));
}
