import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { Auth } from "./auth.ts";
import { KILL_AFTER_MS, TERM_AFTER_MS } from "./child-process.ts";
import { childSource } from "./child-source.ts";
import { HostGuard } from "./guard.ts";
import { Health } from "./health.ts";
import type { HostedDefinition } from "./hosted-server.ts";
import { type Exchange, sendJson } from "./http.ts";
import { HttpEdge, type Route } from "./http-edge.ts";
import { InProcessPool } from "./in-process-pool.ts";
import type { Log } from "./log.ts";
import { limitEvent } from "./log-limit.ts";
import { Metrics } from "./metrics.ts";
import { createServer } from "./node-builtins.ts";
import type { Options } from "./options.ts";
import { ownChecks } from "./own-checks.ts";
import { Policy } from "./policy.ts";
import { Registry } from "./registry.ts";
import type { RequestWatch } from "./request-watch.ts";
import { ServerEra } from "./server-era.ts";
import type { ServerSource, ServerUser } from "./server-source.ts";
import { Sessionless } from "./sessionless.ts";
import { SseTransport } from "./sse-transport.ts";
import { StreamableHttp } from "./streamable-http.ts";

/** What ending the children can take after the requests in flight have had their time. */
const CHILDREN_RESERVE_MS = TERM_AFTER_MS + KILL_AFTER_MS + 500;
/** What the traces get of it, even if a server took the rest. */
const MIN_FLUSH_MS = 300;

/** Lines of the log in a second that tell of junk; the metrics count it all. */
const MAX_JUNK_LINES = 50;

export interface BridgeDependencies {
  readonly log: Log;
  readonly version: string;
  readonly env: NodeJS.ProcessEnv;
  /** Of accepted bearer tokens: SHA-256 in hex. */
  readonly digests: readonly string[];
  /** See `--state-key-file`. */
  readonly stateKey?: Buffer | undefined;
  /** A server in this process, instead of the command. */
  readonly hosted?: HostedDefinition | undefined;
  /** See `openRequestWatch`. */
  readonly watch?: RequestWatch | undefined;
}

/** One bridge: a listening HTTP server, its sessions and their servers. */
export class Bridge {
  readonly #options: Options;
  readonly #log: Log;
  readonly #version: string;
  readonly #startedAt = Date.now();
  readonly #metrics = new Metrics();
  readonly #watch: RequestWatch | undefined;
  readonly #source: ServerSource;
  readonly #hosted: HostedDefinition | undefined;
  readonly #registry: Registry;
  readonly #sessionless: Sessionless;
  readonly #health: Health;
  readonly #auth: Auth;
  readonly #edge: HttpEdge;
  readonly #server: Server;

  constructor(options: Options, dependencies: BridgeDependencies) {
    const { env, watch } = dependencies;
    const log = limitEvent(dependencies.log, "child_junk", MAX_JUNK_LINES);
    const metrics = this.#metrics;
    this.#options = options;
    this.#log = log;
    this.#watch = watch;
    this.#version = dependencies.version;
    this.#auth = new Auth(dependencies.digests, options, log);
    const { hosted } = dependencies;
    this.#hosted = hosted;
    this.#source =
      hosted === undefined
        ? childSource({ options, env, log, metrics })
        : new InProcessPool({ createServer: hosted.createServer, limits: options, log, metrics });
    const policy = new Policy(options);
    const era = new ServerEra(log);
    // What all share has been translated already, if it had to be: its ports speak sessions.
    if (options.childMode === "shared") era.learn(false);
    this.#registry = new Registry(
      { options, policy, metrics, log, watch },
      { count: () => this.#sessionless.servers, endOneIdle: () => this.#sessionless.endOneIdle() },
    );
    this.#sessionless = new Sessionless({
      options,
      policy,
      metrics,
      log,
      watch,
      version: dependencies.version,
      stateKey: dependencies.stateKey,
      acquire: (principal) => this.#source.acquire({ principal }),
      era,
      sessions: () => this.#registry.size,
    });
    const checks = hosted === undefined ? {} : { name: "server", own: ownChecks(hosted.health ?? {}, log) };
    this.#health = new Health(this.#source, log, { warmChildren: options.warmChildren, ...checks });
    const acquire = async (user: ServerUser) => era.adapt(await this.#source.acquire(user));
    const transport = { options, registry: this.#registry, source: { acquire }, metrics };
    const streamable = new StreamableHttp(transport, this.#sessionless);
    const sse = new SseTransport(transport);
    const routes = new Map<string, Route>([
      ["/mcp", { needsToken: true, handle: (exchange) => streamable.handle(exchange) }],
      ["/sse", { needsToken: true, handle: (exchange) => sse.stream(exchange) }],
      ["/messages", { needsToken: true, handle: (exchange) => sse.message(exchange) }],
      ["/health", { needsToken: false, handle: (exchange) => this.#reportHealth(exchange) }],
      ["/metrics", { needsToken: false, handle: (exchange) => this.#reportMetrics(exchange) }],
      ...[...this.#auth.documents].map(([path, json]): [string, Route] => [
        path,
        { needsToken: false, handle: ({ response }) => sendJson(response, 200, json) },
      ]),
    ]);
    this.#edge = new HttpEdge({ guard: new HostGuard(options), auth: this.#auth, routes, metrics, log });
    metrics.sessions.read = () => this.#registry.size;
    metrics.children.read = () => this.#source.size;
    metrics.inFlight.read = () => this.#inFlight;
    metrics.queued.read = () => this.#registry.queuedBytes + this.#sessionless.queuedBytes;
    metrics.uptime.read = () => (Date.now() - this.#startedAt) / 1_000;
    this.#server = createServer(
      // A slow sender holds a connection this long and no longer; streams to clients are not limited.
      { headersTimeout: 15_000, requestTimeout: 60_000, maxHeaderSize: 16_384, connectionsCheckingInterval: 5_000 },
      (request, response) => this.#edge.serve(request, response),
    );
    // Idle connections outlive the usual 60 s pools of proxies, which would otherwise meet a closed one.
    this.#server.keepAliveTimeout = 65_000;
  }

  /** Starts to listen; resolves with the port. */
  async listen(): Promise<number> {
    await this.#auth.start();
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(this.#options.port, this.#options.host, () => {
        this.#server.off("error", reject);
        const { port } = this.#server.address() as AddressInfo;
        const auth = this.#auth.mode;
        this.#log("info", "listening", { host: this.#options.host, port, version: this.#version, auth });
        resolve(port);
      });
    });
  }

  /**
   * Ends all in order: no new work, the requests in flight, then the servers. Resolves when no child is left,
   * at the latest after the drain timeout.
   */
  async close(): Promise<void> {
    if (this.#edge.draining) return;
    this.#edge.draining = true;
    this.#log("info", "drain", { sessions: this.#registry.size, inFlight: this.#inFlight });
    this.#sessionless.drain();
    this.#server.close();
    this.#server.closeIdleConnections();
    this.#health.stop();
    const end = Date.now() + this.#options.drainTimeout;
    const deadline = end - CHILDREN_RESERVE_MS;
    do {
      for (const session of this.#registry.all()) {
        if (session.inFlight === 0) void session.end("the bridge is shutting down");
      }
      if (this.#busy) await sleep(20);
    } while (this.#busy && Date.now() < deadline);
    for (const session of this.#registry.all()) void session.end("the bridge is shutting down");
    this.#registry.stopTimers();
    this.#sessionless.close();
    await this.#source.close();
    // Last, for the end of a server ends requests.
    await this.#watch?.close(Math.max(MIN_FLUSH_MS, end - Date.now()));
    this.#server.closeAllConnections();
    this.#log("info", "stopped");
  }

  get #inFlight(): number {
    return this.#registry.inFlight + this.#sessionless.inFlight;
  }

  get #busy(): boolean {
    return this.#registry.size > 0 || this.#sessionless.inFlight > 0;
  }

  /** Kills the servers at once. */
  kill(): void {
    this.#source.kill();
  }

  async #reportHealth({ response }: Exchange): Promise<void> {
    const { status, checks } = await this.#health.report();
    const report = {
      status: this.#edge.draining ? "draining" : status,
      server: this.#options.name,
      version: this.#version,
      // In a container its short id, by which those who watch cgroups know it.
      instance: hostname(),
      sessions: this.#registry.size,
      uptimeSeconds: Math.round((Date.now() - this.#startedAt) / 1_000),
      checks,
    };
    response.setHeader("cache-control", "no-store");
    sendJson(response, report.status === "ok" ? 200 : 503, JSON.stringify(report));
  }

  #reportMetrics({ response }: Exchange): void {
    response.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
    response.end(this.#metrics.render() + (this.#hosted?.metrics?.render() ?? ""));
  }
}
