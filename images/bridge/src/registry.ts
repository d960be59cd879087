import { randomBytes } from "node:crypto";
import { sessionTag } from "./log.ts";
import { type Port, Unavailable } from "./port.ts";
import { Session } from "./session.ts";
import type { SessionContext, TransportName } from "./session-context.ts";

/** Servers that are open for something else than a session, and count against the same limit. */
export interface OtherServers {
  readonly count: () => number;
  /** Ends one that nobody uses just now; false if all are in use. */
  readonly endOneIdle: () => boolean;
}

/** All open sessions of one bridge; ends those that nobody uses any more. */
export class Registry {
  readonly #context: SessionContext;
  readonly #others: OtherServers;
  readonly #sessions = new Map<string, Session>();
  /** Sessions whose server is still being started. */
  #opening = 0;
  readonly #timers: NodeJS.Timeout[];

  constructor(context: Omit<SessionContext, "onEnd">, others: OtherServers) {
    this.#others = others;
    this.#context = { ...context, onEnd: (session) => this.#sessions.delete(session.id) };
    const { idleTimeout, keepAlive } = context.options;
    this.#timers = [
      setInterval(() => this.#endIdle(), Math.min(30_000, Math.max(50, idleTimeout / 4))),
      setInterval(() => {
        for (const session of this.#sessions.values()) session.streams.keepAlive();
      }, keepAlive),
    ];
    for (const timer of this.#timers) timer.unref();
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Whether one more session fits; an idle server of the sessionless era makes way for it. */
  makeRoom(): boolean {
    const used = this.#sessions.size + this.#opening + this.#others.count();
    return used < this.#context.options.maxSessions || this.#others.endOneIdle();
  }

  get inFlight(): number {
    return this.#sum((session) => session.inFlight);
  }

  get queuedBytes(): number {
    return this.#sum((session) => session.queuedBytes);
  }

  /** The session, if it was opened by the same principal over the same transport: to anyone else it does not exist. */
  find(id: string, principal: string | undefined, transport: TransportName): Session | undefined {
    const session = this.#sessions.get(id);
    return session?.principal === principal && session?.transport === transport ? session : undefined;
  }

  /** Opens a session on the server that `acquire` gives. */
  async open(
    acquire: (tag: string) => Promise<Port>,
    principal: string | undefined,
    transport: TransportName,
  ): Promise<Session> {
    this.#opening++;
    try {
      // 256 random bits, in characters that any header and query takes.
      const id = randomBytes(32).toString("base64url");
      const tag = sessionTag(id);
      const port = await acquire(tag);
      const session = new Session({ id, tag, principal, transport }, port, this.#context);
      if (session.ended) throw new Unavailable("the server ended as soon as it was started", 1_000);
      this.#sessions.set(id, session);
      this.#context.metrics.sessionsOpened.add();
      this.#context.log("info", "session_start", { session: tag, transport });
      return session;
    } finally {
      this.#opening--;
    }
  }

  all(): Session[] {
    return [...this.#sessions.values()];
  }

  stopTimers(): void {
    for (const timer of this.#timers) clearInterval(timer);
  }

  #endIdle(): void {
    const now = Date.now();
    for (const session of this.#sessions.values()) {
      if (session.idleFor(now) >= this.#context.options.idleTimeout) void session.end("the session was idle");
    }
  }

  #sum(value: (session: Session) => number): number {
    let sum = 0;
    for (const session of this.#sessions.values()) sum += value(session);
    return sum;
  }
}
