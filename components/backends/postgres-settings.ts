/** What a Postgres is fitted to. */
export interface PostgresSize {
  /** Memory limit of the container, in MiB. */
  readonly memory: number;
  /** TimescaleDB is loaded: its background jobs need workers. */
  readonly timescale?: boolean;
}

/**
 * Settings that make a Postgres fit its container, a `name=value` on each line: for `MCP_PG_SETTINGS`. A quarter of the
 * memory is shared buffers; what all connections may take for sorting at once is another quarter; the rest is for the
 * processes and the page cache.
 */
export function postgresSettings({ memory, timescale = false }: PostgresSize): string {
  const quarter = Math.floor(memory / 4);
  // A process of Postgres takes 2 to 5 MiB of its own.
  const connections = Math.max(20, Math.min(200, Math.floor(memory / 5)));
  const settings = {
    // Beside those of clients: the superuser's own, for whoever looks after it.
    max_connections: connections + 3,
    superuser_reserved_connections: 3,
    shared_buffers: `${quarter}MB`,
    effective_cache_size: `${Math.floor(memory / 2)}MB`,
    work_mem: `${Math.max(1, Math.min(16, Math.floor(quarter / connections)))}MB`,
    maintenance_work_mem: `${Math.max(16, Math.min(256, Math.floor(memory / 16)))}MB`,
    max_wal_size: "512MB",
    max_worker_processes: timescale ? 16 : 8,
    ...(timescale && { "timescaledb.max_background_workers": 8 }),
    max_parallel_workers_per_gather: 1,
    jit: "off",
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}`)
    .join("\n");
}
