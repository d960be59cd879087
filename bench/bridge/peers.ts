import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { binFolder, type Package } from "./packages.ts";
import { type Subject, subject } from "./subjects.ts";

/** A host by others: what to install, and how it is started for each transport. Their own defaults where possible. */
export interface Peer {
  readonly package: Package;
  /** @param folder where the package is installed. */
  subjects(folder: string): readonly Subject[];
}

const SUPERGATEWAY: Package = { kind: "npm", name: "supergateway", version: "4.0.0" };
const MCP_PROXY_TS: Package = { kind: "npm", name: "mcp-proxy", version: "6.7.19" };
const MCP_PROXY_PY: Package = { kind: "pypi", name: "mcp-proxy", version: "0.13.0" };
const MCP_PROXY_GO: Package = { kind: "go", name: "github.com/TBXark/mcp-proxy", version: "v0.43.2" };

/** The server behind a Go proxy needs a name, which is a part of its path. */
const GO_NAME = "bench";

export const PEERS: readonly Peer[] = [
  {
    package: SUPERGATEWAY,
    subjects(folder) {
      const start = (port: number, child: readonly string[], ...mode: string[]): string[] => [
        ...[process.execPath, join(folder, "node_modules/supergateway/dist/index.js"), "--stdio", child.join(" ")],
        ...["--port", String(port), "--logLevel", "none", ...mode],
      ];
      return [
        subject("supergateway", {
          command: (port, child) => start(port, child, "--outputTransport", "streamableHttp", "--stateful"),
        }),
        subject("supergateway-sse", {
          transport: "sse",
          path: "/sse",
          command: (port, child) => start(port, child, "--outputTransport", "sse"),
        }),
      ];
    },
  },
  {
    package: MCP_PROXY_TS,
    subjects(folder) {
      const start = (port: number, child: readonly string[], server: string): string[] => [
        ...[process.execPath, join(folder, "node_modules/mcp-proxy/dist/bin/mcp-proxy.mjs")],
        ...["--host", "127.0.0.1", "--port", String(port), "--server", server, "--", ...child],
      ];
      return [
        subject("mcp-proxy-ts", { command: (port, child) => start(port, child, "stream") }),
        subject("mcp-proxy-ts-sse", {
          transport: "sse",
          path: "/sse",
          command: (port, child) => start(port, child, "sse"),
        }),
      ];
    },
  },
  {
    package: MCP_PROXY_PY,
    subjects(folder) {
      // One process serves both; warnings only, so that it does not log every request.
      const command = (port: number, child: readonly string[]): string[] => [
        ...[join(binFolder(MCP_PROXY_PY, folder), "mcp-proxy"), "--host", "127.0.0.1", "--port", String(port)],
        ...["--log-level", "WARNING", "--pass-environment", "--", ...child],
      ];
      return [
        subject("mcp-proxy-py", { path: "/mcp/", command }),
        subject("mcp-proxy-py-sse", { transport: "sse", path: "/sse", command }),
      ];
    },
  },
  {
    package: MCP_PROXY_GO,
    subjects(folder) {
      const start = (port: number, [command, ...args]: readonly string[], type: string): string[] => {
        const config = join(folder, `${type}-${port}.json`);
        const address = { baseURL: `http://127.0.0.1:${port}`, addr: `127.0.0.1:${port}` };
        const mcpProxy = { ...address, name: "bench", version: "1", type };
        writeFileSync(config, JSON.stringify({ mcpProxy, mcpServers: { [GO_NAME]: { command, args } } }));
        return [join(binFolder(MCP_PROXY_GO, folder), "mcp-proxy"), "-config", config];
      };
      return [
        subject("mcp-proxy-go", {
          path: `/${GO_NAME}/mcp`,
          command: (port, child) => start(port, child, "streamable-http"),
        }),
        subject("mcp-proxy-go-sse", {
          transport: "sse",
          path: `/${GO_NAME}/sse`,
          command: (port, child) => start(port, child, "sse"),
        }),
      ];
    },
  },
];
