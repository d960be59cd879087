import { randomUUID } from "node:crypto";
import type { Database, Queries } from "../database/database.ts";
import { pageOf } from "./cursor.ts";
import type { Entity, Graph, GraphPage, PageRequest, Relation, SearchMode } from "./graph.ts";
import { GraphReader, matching, named } from "./reading.ts";
import { CHANNEL, Tenant } from "./tenant.ts";
import * as writing from "./writing.ts";

/** The knowledge graph of one tenant. Every call is one transaction. */
export class GraphStore {
  readonly #database: Database;
  readonly #tenant: Tenant;
  /** Tells what this process announces from what others do. */
  readonly #origin = randomUUID();
  readonly #watchers = new Set<() => void>();
  #stopListening: (() => void) | undefined;

  constructor(database: Database, tenant: string) {
    this.#database = database;
    this.#tenant = new Tenant(database, tenant);
  }

  /** Sets the database up, if that is still to be done, and asks it something. */
  async check(): Promise<void> {
    await this.#tenant.read(({ query }) => query("SELECT 1"));
  }

  createEntities(entities: readonly Entity[]): Promise<Entity[]> {
    return this.#change((graph) => writing.createEntities(graph, entities));
  }

  createRelations(relations: readonly Relation[]): Promise<Relation[]> {
    return this.#change((graph) => writing.createRelations(graph, relations));
  }

  addObservations(additions: readonly writing.ObservationsOf[]) {
    return this.#change((graph) => writing.addObservations(graph, additions));
  }

  deleteEntities(names: readonly string[]): Promise<void> {
    return this.#change((graph) => writing.deleteEntities(graph, names));
  }

  deleteObservations(deletions: Parameters<typeof writing.deleteObservations>[1]): Promise<void> {
    return this.#change((graph) => writing.deleteObservations(graph, deletions));
  }

  deleteRelations(relations: readonly Relation[]): Promise<void> {
    return this.#change((graph) => writing.deleteRelations(graph, relations));
  }

  readGraph(request: PageRequest = {}): Promise<GraphPage> {
    const page = pageOf(request);
    return this.#read((reader) => (page === undefined ? reader.everything() : reader.page(page)));
  }

  searchNodes(query: string, mode: SearchMode = "substring", request: PageRequest = {}): Promise<GraphPage> {
    const page = pageOf(request);
    return this.#read((reader) => reader.entitiesWhere(matching(query, mode), page));
  }

  openNodes(names: readonly string[]): Promise<Graph> {
    return this.#read((reader) => reader.entitiesWhere(named(names)));
  }

  /** Calls back after each change, by whichever process, until it is told to stop. */
  watch(changed: () => void): () => void {
    this.#watchers.add(changed);
    this.#stopListening ??= this.#listen();
    return () => {
      this.#watchers.delete(changed);
      if (this.#watchers.size > 0) return;
      this.#stopListening?.();
      this.#stopListening = undefined;
    };
  }

  async close(): Promise<void> {
    this.#stopListening?.();
    await this.#database.close();
  }

  #listen(): () => void {
    return this.#database.listen(CHANNEL, (payload) => {
      const [origin, tenant] = payload.split(" ");
      if (origin === this.#origin) return;
      void this.#tenant
        .id()
        .then((id) => String(id) === tenant && this.#tell())
        .catch(() => {});
    });
  }

  async #change<Result>(work: (graph: writing.Writable) => Promise<Result>): Promise<Result> {
    const result = await this.#tenant.write(async (queries: Queries, tenant) => {
      const result = await work({ ...queries, tenant });
      await queries.query("SELECT pg_notify($1, $2)", [CHANNEL, `${this.#origin} ${tenant}`]);
      return result;
    });
    this.#tell();
    return result;
  }

  #read<Result>(work: (reader: GraphReader) => Promise<Result>): Promise<Result> {
    return this.#tenant.read((queries, tenant) => work(new GraphReader(queries, tenant)));
  }

  #tell(): void {
    for (const changed of this.#watchers) changed();
  }
}
