import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { prepareToolchain } from "../cli/toolchain.ts";
import { clients } from "../test/integration/clients.ts";
import { proofs } from "../test/integration/servers/all.ts";
import { configureFleet } from "../test/integration/servers/configure.ts";
import { docker, TestStack } from "../test/integration/test-stack.ts";
import { timedProgress } from "./timed-progress.ts";

const help = `Measures the stack from nothing to up, on a stack of its own.

usage: npm run bench [-- options]
       npm run bench -- bridge [options]   the bridge beside its peers instead; has a --help of its own
       npm run bench -- memory [options]   searches of the memory server instead; likewise

  --runs N   runs of each command whose median is printed, 1 to 20 (default 5)
  --help     this text

A set-up step that finds its work done says so by its time. For the time from nothing, run it with empty caches:
XDG_CACHE_HOME, GOCACHE and GOMODCACHE pointed at an empty folder, after \`npm run clean\`.`;

const { values } = parseArgs({ options: { runs: { type: "string", default: "5" }, help: { type: "boolean" } } });
const runs = Number(values.runs);
if (values.help) {
  console.log(help);
  process.exit(0);
}
if (!Number.isInteger(runs) || runs < 1 || runs > 20) {
  console.error(`--runs is ${values.runs}; allowed: a whole number from 1 to 20`);
  process.exit(2);
}

const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(1)} s`;
const line = (what: string, value: string) => console.log(`  ${what.padEnd(44)} ${value.padStart(10)}`);

async function timed<Result>(work: () => Promise<Result>): Promise<{ milliseconds: number; result: Result }> {
  const started = performance.now();
  const result = await work();
  return { milliseconds: performance.now() - started, result };
}

async function median(work: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let run = 0; run < runs; run++) times.push((await timed(work)).milliseconds);
  return times.sort((a, b) => a - b)[Math.floor(runs / 2)] ?? 0;
}

console.log("Set-up, step by step");
const progress = timedProgress();
const { variables, baseImages } = await prepareToolchain({ progress });
Object.assign(process.env, variables, { MCP_BASE_IMAGES: JSON.stringify(baseImages) });
for (const { subject, milliseconds } of progress.steps) line(subject, seconds(milliseconds));

await using stack = new TestStack({});
const names = Object.keys(proofs);
// Steps that another stack has built already would only be looked up.
for (const path of readdirSync(join(stack.folder, "images"), { recursive: true, encoding: "utf8" })) {
  if (!/(^|\/)Dockerfile$/.test(path)) continue;
  const file = join(stack.folder, "images", path);
  const lines = readFileSync(file, "utf8").split("\n");
  const from = lines.findLastIndex((text) => text.startsWith("FROM "));
  writeFileSync(file, lines.toSpliced(from + 1, 0, `LABEL mcp.bench=${stack.prefix}`).join("\n"));
}
await configureFleet(stack, names);

console.log("\nFrom nothing to up: every image built, every container healthy");
const up = await timed(() => stack.up());
for (const [, resource = "", time = ""] of up.result.matchAll(
  /\+\s+(?:docker|random)\S+\s+(\S+) created \(([\dms.]+)\)/g,
))
  line(resource, time.replace("s", " s"));
line("all", seconds(up.milliseconds));

console.log(`\nWith nothing to change, median of ${runs}`);
line("pulumi preview", seconds(await median(() => stack.preview())));
line("pulumi up --refresh", seconds(await median(() => stack.up("--refresh"))));

console.log(
  "\nEach server: its image with its base; from its start to a healthy answer; memory idle and with one session",
);
const outputs = await stack.outputs();
const sizes = new Map(
  docker("images", "--format", "{{.Repository}} {{.Size}}")
    .split("\n")
    .map((text) => text.split(" ") as [string, string]),
);
for (const name of names) line(name, await footprint(name));

async function footprint(name: string): Promise<string> {
  const container = stack.container(name);
  const endpoint = outputs.endpoints[name]?.host;
  const connect = clients["v1 over Streamable HTTP"];
  if (!endpoint || !connect) throw new Error(`${name} is not published`);
  docker("restart", container);
  const started = Date.parse(stack.inspect(name).State.StartedAt);
  while ((await health(endpoint.health)) !== 200) await sleep(20);
  const start = Date.now() - started;
  await sleep(2_000);
  const idle = memory(container);
  const client = await connect(endpoint, outputs.tokens[name] ?? "");
  await client.listTools();
  const served = memory(container);
  await client.close();
  return [sizes.get(`${stack.prefix}${name}`) ?? "?", seconds(start), idle, served]
    .map((cell) => cell.padStart(9))
    .join(" ");
}

async function health(url: string): Promise<number> {
  return fetch(url).then(
    ({ status }) => status,
    () => 0,
  );
}

/** What the engine counts against the container's limit. */
function memory(container: string): string {
  const [used = "?"] = docker("stats", "--no-stream", "--format", "{{.MemUsage}}", container).split(" ");
  return used.replace(/\.\d+/, "");
}
