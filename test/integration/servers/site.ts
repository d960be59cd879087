import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import type { TestClient } from "../clients.ts";
import { docker } from "../test-stack.ts";

/** The host's address on a server's own network: the one address of this machine that its container reaches. */
export function hostAddress(network: string): string {
  const [{ IPAM }] = JSON.parse(docker("network", "inspect", network));
  return IPAM.Config[0].Gateway;
}

/** A web site on this machine, at an address that containers reach. */
export async function startSite(address: string, answer: RequestListener): Promise<{ origin: string; server: Server }> {
  const server = createServer(answer);
  await new Promise<void>((done) => server.listen(0, address, done));
  return { origin: `http://${address}:${(server.address() as AddressInfo).port}`, server };
}

/** A client of one more session in a running container, started with a command of its own: other options, same image. */
export const clientInside = (container: string, ...command: string[]): Promise<TestClient> =>
  clientIn("exec", "-i", container, ...command);

/** A client of a server that a `docker` command starts. */
export async function clientIn(...args: string[]): Promise<TestClient> {
  const client = new Client({ name: "mcp-infrastructure-test", version: "1" });
  await client.connect(new StdioClientTransport({ command: "docker", args, stderr: "ignore" }));
  return client as TestClient;
}
