/**
 * What other stacks read from this one by `StackReference`. A key may be added within a version; a key that goes or
 * changes its meaning makes another version.
 */
export const contractVersion = "1.0";

/** Full URLs of one server as seen from one place. */
export interface Endpoint {
  /** 2024-11-05 clients: `GET` opens the stream. */
  readonly sse: string;
  /** Streamable HTTP, every later revision. */
  readonly http: string;
  readonly health: string;
  readonly metrics: string;
}

/** URLs of one server by where the client is. */
export interface ServerEndpoints {
  /** In a container on the server's network. */
  readonly internal: Endpoint;
  /** On the host; only where the server publishes a port. */
  readonly host?: Endpoint;
}

/** Outputs of a stack. */
export interface StackOutputs {
  readonly contractVersion: string;
  readonly endpoints: Readonly<Record<string, ServerEndpoints>>;
  /** Name of each server's container on the engine. */
  readonly containers: Readonly<Record<string, string>>;
  /** Secret. Bearer token of each server. */
  readonly tokens: Readonly<Record<string, string>>;
  /** LiteLLM's configuration, as YAML; tokens stand in it as `os.environ/<name>`. */
  readonly litellmConfig: string;
  /** Secret. The environment variables that `litellmConfig` names. */
  readonly litellmEnvironment: Readonly<Record<string, string>>;
}
