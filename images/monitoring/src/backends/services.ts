import { z } from "zod";
import { eachOf } from "./gate.ts";
import { HttpBackend } from "./http-backend.ts";

const report = z.object({
  status: z.string(),
  version: z.string().optional(),
  /** Host name of its container, which is the container's short id. */
  instance: z.string().optional(),
  sessions: z.number().optional(),
  uptimeSeconds: z.number().optional(),
  checks: z.record(z.string(), z.object({ ok: z.boolean(), detail: z.string() })).default({}),
});
export type HealthReport = z.output<typeof report>;

const MAX_BYTES = 256 * 1_024;
const AT_ONCE = 8;
/** Containers are replaced now and then, not every second. */
const INSTANCES_AGE_MS = 10_000;

/** The MCP servers of this installation, which tell how they are at `/health`. */
export class Services {
  readonly #backends: ReadonlyMap<string, HttpBackend>;
  #instances: { readonly at: number; readonly map: Promise<ReadonlyMap<string, string>> } | undefined;

  constructor(urls: ReadonlyMap<string, string>, timeoutMs: number) {
    this.#backends = new Map(
      [...urls].map(([name, url]) => {
        const config = { name: `server ${JSON.stringify(name)}`, variable: "MCP_SERVICES", url, headers: {} };
        return [name, new HttpBackend(config, timeoutMs)];
      }),
    );
  }

  get names(): string[] {
    return [...this.#backends.keys()];
  }

  url(name: string): string | undefined {
    return this.#backends.get(name)?.url;
  }

  /** Host name in a server's URL: its container's, or a gateway's. */
  hostOf(name: string): string | undefined {
    const url = this.url(name);
    return url === undefined ? undefined : new URL(url).hostname;
  }

  /** What a server says of itself; it says so with 503 if it is not well. */
  async health(name: string, signal?: AbortSignal): Promise<HealthReport> {
    const backend = this.#backends.get(name);
    if (backend === undefined) throw new Error(`no service ${name}`);
    return await backend.json("/health", report, { signal, maxBytes: MAX_BYTES, alsoGood: 503 });
  }

  /** Names by short container id, of those that answer. */
  instances(): Promise<ReadonlyMap<string, string>> {
    if (this.#instances !== undefined && Date.now() - this.#instances.at < INSTANCES_AGE_MS) return this.#instances.map;
    const map = this.#askInstances();
    this.#instances = { at: Date.now(), map };
    return map;
  }

  async #askInstances(): Promise<ReadonlyMap<string, string>> {
    const found = await eachOf(this.names, AT_ONCE, async (name) => {
      const instance = await this.health(name).then(
        (answer) => answer.instance,
        () => undefined,
      );
      return instance === undefined ? [] : [[instance, name] as const];
    });
    return new Map(found.flat());
  }
}
