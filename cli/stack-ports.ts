/** The ports of the host that a stack publishes, and who holds them. */
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import type Docker from "dockerode";
import { parse } from "yaml";
import { catalogue } from "../components/catalogue.ts";
import { containerName } from "../components/server-definition.ts";
import { defaultPrefix } from "../config/schema.ts";
import type { PortFacts } from "./diagnosis.ts";
import { stackFile } from "./stack-file.ts";

interface StackSettings {
  "mcp:prefix"?: string;
  "mcp:bindAddress"?: string;
  "mcp:servers"?: Record<
    string,
    { enabled?: boolean; publish?: boolean; port?: number | string; containerName?: string } | null
  >;
}

/** A port that a stack wants. */
export interface WantedPort {
  server: string;
  container: string;
  address: string;
  port: number;
}

/** What a stack's settings publish. Only for a look: what is wrong with them, the program itself says best. */
export function wantedPorts(settings: StackSettings): WantedPort[] {
  const { "mcp:prefix": prefix = defaultPrefix, "mcp:bindAddress": address = "127.0.0.1" } = settings;
  const servers = settings["mcp:servers"] ?? {};
  return catalogue.flatMap((definition) => {
    const options = servers[definition.name];
    if (!options || options.enabled === false || options.publish === false) return [];
    return {
      server: definition.name,
      container: options.containerName ?? containerName(prefix, definition),
      address,
      port: Number(options.port ?? definition.port),
    };
  });
}

/** Who holds the ports of a stack; `docker` undefined when no engine answers. */
export async function portFacts(stack: string, docker: Docker | undefined): Promise<PortFacts[]> {
  const file = stackFile(stack);
  if (!existsSync(file)) return [];
  const wanted = wantedPorts(parse(readFileSync(file, "utf8"))?.config ?? {});
  const containers = (await docker?.listContainers()) ?? [];
  return Promise.all(
    wanted.map(async ({ server, container, address, port }) => {
      if (await isFree(address, port)) return { server, address, port, holder: undefined };
      const held = containers.find(({ Ports }) => Ports.some(({ PublicPort }) => PublicPort === port));
      const name = held?.Names[0]?.replace(/^\//, "");
      const holder = { name: name === undefined ? "another program" : `container ${name}`, ours: name === container };
      return { server, address, port, holder };
    }),
  );
}

function isFree(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host: address, port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
