import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { prepareToolchain } from "../cli/toolchain.ts";
import { docker, freePorts, TestStack } from "../test/integration/test-stack.ts";
import { timedProgress } from "./timed-progress.ts";

const help = `Measures the stack from nothing to up, on a stack of its own.

usage: npm run bench [-- options]
       npm run bench -- bridge [options]   the bridge beside its peers instead; has a --help of its own

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
const [filesystem, fetch] = await freePorts(2);
mkdirSync(join(stack.folder, "host"));
// Steps that another stack has built already would only be looked up.
for (const image of readdirSync(join(stack.folder, "images"))) {
  const file = join(stack.folder, "images", image, "Dockerfile");
  const lines = readFileSync(file, "utf8").split("\n");
  const from = lines.findLastIndex((text) => text.startsWith("FROM "));
  writeFileSync(file, lines.toSpliced(from + 1, 0, `LABEL mcp.bench=${stack.prefix}`).join("\n"));
}
const mounts = [{ source: "host", target: "/workspace" }];
stack.configure({ servers: { filesystem: { port: filesystem, mounts }, fetch: { port: fetch } } });
await stack.init();

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

console.log("\nImage sizes, with their bases");
for (const image of docker("images", "--format", "{{.Repository}} {{.Size}}").split("\n").filter(Boolean)) {
  const [name = "", size = ""] = image.split(" ");
  if (name.startsWith(stack.prefix)) line(name.slice(stack.prefix.length), size);
}
