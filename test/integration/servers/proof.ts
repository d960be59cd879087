import type { Endpoint } from "../../../outputs/contract.ts";
import type { clients, TestClient } from "../clients.ts";
import type { TestStack } from "../test-stack.ts";

/** The running fleet, as the proof of a server sees it. */
export interface Fleet {
  readonly stack: TestStack;
  /** Names of the servers that are on. */
  readonly servers: readonly string[];
  /** URLs of a server as seen from the host. */
  endpointOf(server: string): Endpoint;
  tokenOf(server: string): string;
  /** A client by its name in `clients.ts`, connected to a server. */
  connect(client: keyof typeof clients, server: string): Promise<TestClient>;
  /** Name of a backend's container. */
  backend(name: string): string;
}

/** What shows that one server works in the running fleet: its configuration there, and its tests. */
export interface ServerProof {
  /** Options under `mcp:servers.<name>`, but for the port; may prepare folders in the stack's own. */
  options(stack: TestStack): Record<string, unknown>;
  /** Secrets under `mcp:secrets`, by server or backend. */
  readonly secrets?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Registers its tests; called while the test file is collected, before the fleet is up. */
  prove(fleet: Fleet): void;
}

/** One client for each transport: what every server's tools are called through. */
export const transports = ["v1 over Streamable HTTP", "v2 over SSE"] as const;
