/** Calls that are made of the reference server and of ours alike; the same seed gives the same calls. */
export interface Call {
  readonly method: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

/** What came back: notifications before the answer, then the answer. */
export interface Exchange {
  readonly call: Call;
  readonly notifications: readonly unknown[];
  readonly answer: { readonly result?: unknown; readonly error?: unknown };
}

export const SEEDS = [1, 2, 3] as const;
const CALLS_PER_SEED = 120;
const GRAPH_URI = "memory://knowledge-graph";

/** A small generator of numbers from 0 to 1, the same everywhere (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Names and texts that are easily got wrong: case, patterns, Unicode, what Postgres cannot hold, and length. */
const NAMES = [
  "Ada Lovelace", "ada lovelace", "Straße", "İstanbul", "ΟΔΥΣΣΕΥΣ", "東京", "👩‍🚀 Sally", "", " ", "100%", "a_b", "a\\b",
  "line\nbreak", "nul\u0000byte", "half \ud83d pair", "free \ufdd0\ufdd1 use", "'; DROP TABLE memory.entities; --",
  `long ${"x".repeat(3000)}`, "__proto__", "tab\tquote\"",
]; // biome-ignore format: a table
const TEXTS = [
  "wrote the first program", "Wrote THE first Program", "born in London", "50% done", "x_y", "back\\slash", "東京タワー",
  "ıİiI", "ΣΑΣ σας", "é é", "nul\u0000", "\udc00 tail", "", "a", "loves 🐈 and 🐕", "mail@example.org", "two\nlines",
]; // biome-ignore format: a table
const TYPES = ["person", "Person", "city", "", "Ort %"];
const VERBS = ["knows", "KNOWS", "lives in", ""];
const QUERIES = [
  "ada", "ADA", "straße", "STRASSE", "i̇stanbul", "οδυσσευς", "οδυσσευσ", "東", "東京", "🚀", "", " ", "%", "_", "\\", "100%",
  "a_b", "nul\u0000", "\ufdd0", "person", "first program", "program first", "xxxxxxxxxx", "londonborn", "\n", "nothing has this",
  "É", "drop table",
]; // biome-ignore format: a table

/** Everything a seed asks, in order. */
export function scenario(seed: number): Call[] {
  const random = numbers(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const pick = <Item>(items: readonly Item[]): Item => items[below(items.length)] as Item;
  const some = <Item>(most: number, make: () => Item): Item[] => Array.from({ length: below(most + 1) }, make);
  const entity = () => ({ name: pick(NAMES), entityType: pick(TYPES), observations: some(4, () => pick(TEXTS)) });
  const relation = () => ({ from: pick(NAMES), to: pick(NAMES), relationType: pick(VERBS) });
  const tool = (name: string, args: object): Call => ({ method: "tools/call", params: { name, arguments: args } });
  const makers: (() => Call)[] = [
    () => tool("create_entities", { entities: some(5, entity) }),
    () => tool("create_entities", { entities: some(5, entity) }),
    () => tool("create_relations", { relations: some(6, relation) }),
    () => tool("create_relations", { relations: some(6, relation) }),
    () => tool("add_observations", { observations: some(3, () => ({ entityName: pick(NAMES), contents: some(4, () => pick(TEXTS)) })) }),
    () => tool("add_observations", { observations: [{ entityName: pick(NAMES), contents: some(4, () => pick(TEXTS)) }] }),
    () => tool("delete_observations", { deletions: some(3, () => ({ entityName: pick(NAMES), observations: some(4, () => pick(TEXTS)) })) }),
    () => tool("delete_entities", { entityNames: some(2, () => pick(NAMES)) }),
    () => tool("delete_relations", { relations: some(2, relation) }),
    () => tool("read_graph", {}),
    () => tool("search_nodes", { query: pick(QUERIES) }),
    () => tool("search_nodes", { query: pick(QUERIES) }),
    () => tool("search_nodes", { query: pick(TEXTS) }),
    () => tool("open_nodes", { names: some(4, () => pick(NAMES)) }),
    () => ({ method: "resources/read", params: { uri: GRAPH_URI } }),
    () => ({ method: pick(["resources/subscribe", "resources/unsubscribe"]), params: { uri: pick([GRAPH_URI, "memory://other"]) } }),
  ]; // biome-ignore format: one line each
  return [...Array.from({ length: CALLS_PER_SEED }, () => pick(makers)()), tool("read_graph", {})];
}

const call = (name: string, args?: unknown): Call => ({
  method: "tools/call",
  params: { name, ...(args !== undefined && { arguments: args }) },
});
const person = { name: "Ada", entityType: "person", observations: ["x", "x"] };

/** Lists, wrong arguments, and what is not there. */
export const EDGES: readonly Call[] = [
  { method: "tools/list" },
  { method: "resources/list" },
  { method: "resources/templates/list" },
  { method: "prompts/list" },
  { method: "resources/read", params: { uri: "memory://other" } },
  { method: "resources/read", params: { uri: "no uri" } },
  { method: "resources/subscribe", params: { uri: GRAPH_URI } },
  call("nothing_like_it", {}),
  call("create_entities"),
  call("create_entities", { entities: "Ada" }),
  call("create_entities", { entities: [{ name: "Ada" }, { name: 1, entityType: null, observations: ["x", 2] }] }),
  call("create_entities", { entities: [{ ...person, extra: true }, person], more: 1 }),
  call("create_entities", { entities: [person] }),
  call("add_observations", { observations: [{ entityName: "Ada", contents: ["x", "y", "y"] }, { entityName: "Ada", contents: ["y", "z"] }] }),
  call("add_observations", { observations: [{ entityName: "Ada", contents: ["never"] }, { entityName: "Bob", contents: [] }] }),
  call("add_observations", { observations: [{ entityName: "Ada" }] }),
  call("create_relations", { relations: [{ from: "Ada", to: "Nobody", relationType: "knows" }, { from: "Ada", to: "Nobody", relationType: "knows" }] }),
  call("create_relations", { relations: [{ from: "Ada", to: "Nobody" }] }),
  call("delete_entities", { entityNames: ["Nobody's friend"] }),
  call("delete_entities", { entityNames: "Ada" }),
  call("delete_observations", { deletions: [{ entityName: "Bob", observations: ["x"] }, { entityName: "Ada", observations: ["x"] }] }),
  call("delete_relations", { relations: [] }),
  call("read_graph"),
  call("read_graph", { unknown: 1 }),
  call("search_nodes"),
  call("search_nodes", { query: 1 }),
  call("search_nodes", { query: "ADA" }),
  call("search_nodes", { query: "Nobody" }),
  call("open_nodes", { names: ["Nobody", "Ada"] }),
  call("open_nodes", {}),
  { method: "resources/unsubscribe", params: { uri: GRAPH_URI } },
  call("delete_entities", { entityNames: ["Nobody"] }),
  call("read_graph", {}),
]; // biome-ignore format: one line each
