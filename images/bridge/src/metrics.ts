/** Prometheus text format 0.0.4, with label values that cannot grow without bound. */

type Labels = Readonly<Record<string, string>>;

function labelText(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => {
    const escaped = value.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
    return `${name}="${escaped}"`;
  });
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}

class Counter {
  readonly #name: string;
  readonly #help: string;
  readonly #values = new Map<string, number>();

  constructor(name: string, help: string, initial: readonly Labels[] = [{}]) {
    this.#name = name;
    this.#help = help;
    // Series that exist from the start: `rate()` sees the first increase.
    for (const labels of initial) this.#values.set(labelText(labels), 0);
  }

  add(labels: Labels = {}, amount = 1): void {
    this.addTo(labelText(labels), amount);
  }

  /** @param series as `labelText` writes it, for those who count often. */
  addTo(series: string, amount: number): void {
    this.#values.set(series, (this.#values.get(series) ?? 0) + amount);
  }

  render(): string {
    const lines = [...this.#values].map(([labels, value]) => `${this.#name}${labels} ${value}\n`);
    return `# HELP ${this.#name} ${this.#help}\n# TYPE ${this.#name} counter\n${lines.join("")}`;
  }
}

/** A value read when it is asked for. */
class Gauge {
  readonly #name: string;
  readonly #help: string;
  read: () => number = () => 0;

  constructor(name: string, help: string) {
    this.#name = name;
    this.#help = help;
  }

  render(): string {
    return `# HELP ${this.#name} ${this.#help}\n# TYPE ${this.#name} gauge\n${this.#name} ${this.read()}\n`;
  }
}

/** Upper bounds in seconds. */
export const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30] as const;

class DurationHistogram {
  readonly #name: string;
  readonly #help: string;
  readonly #series = new Map<string, { readonly counts: number[]; sum: number; count: number }>();

  constructor(name: string, help: string) {
    this.#name = name;
    this.#help = help;
  }

  observe(method: string, seconds: number): void {
    let series = this.#series.get(method);
    if (series === undefined) {
      series = { counts: DURATION_BUCKETS.map(() => 0), sum: 0, count: 0 };
      this.#series.set(method, series);
    }
    series.sum += seconds;
    series.count++;
    const bucket = DURATION_BUCKETS.findIndex((bound) => seconds <= bound);
    if (bucket >= 0) series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
  }

  render(): string {
    let out = `# HELP ${this.#name} ${this.#help}\n# TYPE ${this.#name} histogram\n`;
    for (const [method, { counts, sum, count }] of this.#series) {
      let below = 0;
      DURATION_BUCKETS.forEach((bound, i) => {
        below += counts[i] ?? 0;
        out += `${this.#name}_bucket${labelText({ method, le: String(bound) })} ${below}\n`;
      });
      out += `${this.#name}_bucket${labelText({ method, le: "+Inf" })} ${count}\n`;
      out += `${this.#name}_sum${labelText({ method })} ${sum}\n${this.#name}_count${labelText({ method })} ${count}\n`;
    }
    return out;
  }
}

/** Methods a client may send in any served revision; all others are one label value, `other`. */
const METHODS = new Set([
  "initialize",
  "server/discover",
  "subscriptions/listen",
  "ping",
  "tools/list",
  "tools/call",
  "prompts/list",
  "prompts/get",
  "resources/list",
  "resources/templates/list",
  "resources/read",
  "resources/subscribe",
  "resources/unsubscribe",
  "completion/complete",
  "logging/setLevel",
  "tasks/get",
  "tasks/list",
  "tasks/result",
  "tasks/cancel",
]);
/** A server may name tools without end; the label may not. */
const MAX_TOOLS = 256;

export type Outcome =
  | "ok"
  | "error"
  | "tool_error"
  | "timeout"
  | "cancelled"
  | "child_exit"
  | "refused"
  | "session_end";

/** Causes of `mcp_failures_total`; all are present from the start. */
const CAUSES = [
  "bad_request",
  "child_exit",
  "child_junk",
  "forbidden",
  "internal_error",
  "issuer_unreachable",
  "late_response",
  "overload",
  "oversized_body",
  "oversized_message",
  "start_refused",
  "timeout",
  "unauthorized",
  "unknown_session",
] as const;
export type Cause = (typeof CAUSES)[number];

/** Every metric of one bridge. */
export class Metrics {
  readonly requests = new Counter("mcp_requests_total", "Requests of clients, by method, tool and outcome.", []);
  readonly duration = new DurationHistogram(
    "mcp_request_duration_seconds",
    "Seconds from a request's arrival to its answer.",
  );
  readonly sessions = new Gauge("mcp_active_sessions", "Sessions open now.");
  readonly children = new Gauge("mcp_child_processes", "Server processes alive now, the warm spare included.");
  readonly inFlight = new Gauge("mcp_requests_in_flight", "Requests that wait for an answer now.");
  readonly queued = new Gauge("mcp_queue_bytes", "Bytes that wait for a slow client or a slow server now.");
  readonly sessionsOpened = new Counter("mcp_sessions_opened_total", "Sessions opened.");
  readonly childRestarts = new Counter(
    "mcp_child_restarts_total",
    "Server processes that ended without being asked to.",
  );
  readonly failures = new Counter(
    "mcp_failures_total",
    "Failures by cause.",
    CAUSES.map((cause) => ({ cause })),
  );
  readonly bytesIn = new Counter("mcp_received_bytes_total", "Bytes of messages received from clients.");
  readonly bytesOut = new Counter("mcp_sent_bytes_total", "Bytes of messages sent to clients.");
  readonly uptime = new Gauge("mcp_uptime_seconds", "Seconds since the bridge started.");
  readonly #tools = new Set<string>();
  readonly #seriesOf = new Map<string, string>();

  fail(cause: Cause): void {
    this.failures.add({ cause });
  }

  /** Tools that the server itself named; others never become label values. */
  learnTools(names: readonly string[]): void {
    for (const name of names) if (this.#tools.size < MAX_TOOLS) this.#tools.add(name);
  }

  request(event: { method: string; tool: string | undefined; outcome: Outcome; seconds?: number }): void {
    const method = METHODS.has(event.method) ? event.method : "other";
    const tool = event.tool === undefined ? "" : this.#tools.has(event.tool) ? event.tool : "other";
    this.requests.addTo(this.#series(method, tool, event.outcome), 1);
    if (event.seconds !== undefined) this.duration.observe(method, event.seconds);
  }

  received(bytes: number): void {
    this.bytesIn.addTo("", bytes);
  }

  sent(bytes: number): void {
    this.bytesOut.addTo("", bytes);
  }

  /** Every request is counted, and the label text of most has been made before. */
  #series(method: string, tool: string, outcome: Outcome): string {
    const key = `${method}\n${outcome}\n${tool}`;
    let series = this.#seriesOf.get(key);
    if (series === undefined) {
      series = labelText({ method, tool, outcome });
      this.#seriesOf.set(key, series);
    }
    return series;
  }

  render(): string {
    return [
      this.requests,
      this.sessions,
      this.duration,
      this.childRestarts,
      this.failures,
      this.bytesIn,
      this.bytesOut,
      this.queued,
      this.inFlight,
      this.children,
      this.sessionsOpened,
      this.uptime,
    ]
      .map((metric) => metric.render())
      .join("");
  }
}
