import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openSession } from "../../images/bridge/test/fixtures/http-client.ts";
import { textOf } from "../../images/bridge/test/fixtures/sessionless-client.ts";

const BRIDGE = fileURLToPath(new URL("../../images/bridge", import.meta.url));
const STDIO_SERVER = join(BRIDGE, "test/fixtures/stdio-server.ts");
const README = readFileSync(join(BRIDGE, "README.md"), "utf8");
const MANIFEST = JSON.parse(readFileSync(join(BRIDGE, "package.json"), "utf8")) as { name: string; version: string };
const ROOT = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  devDependencies: Record<string, string>;
};

const run = async (command: string, args: readonly string[], cwd: string): Promise<string> =>
  (await promisify(execFile)(command, args, { cwd, maxBuffer: 2 ** 24 })).stdout;

let folder: string;
/** What the package holds, by path. */
let files: string[];
const started: ChildProcess[] = [];

/** Packs the bridge as for publishing, and installs that into an empty folder, as a user does. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "bridge-package-"));
  const [packed] = JSON.parse(await run("npm", ["pack", "--json", "--pack-destination", folder], BRIDGE)) as [
    { filename: string; files: { path: string }[] },
  ];
  files = packed.files.map(({ path }) => path);
  writeFileSync(join(folder, "package.json"), '{ "private": true, "type": "module" }');
  const quiet = ["--ignore-scripts", "--no-audit", "--no-fund"];
  const sdk = "@modelcontextprotocol/server";
  await run("npm", ["install", ...quiet, `./${packed.filename}`, `${sdk}@${ROOT.devDependencies[sdk]}`], folder);
});
afterAll(async () => {
  for (const child of started) {
    const exited = new Promise((resolve) => child.once("exit", resolve));
    child.kill();
    await exited;
  }
  rmSync(folder, { recursive: true });
});

/** Starts a program of the folder; resolves with its address. */
async function serve(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  started.push(child);
  for await (const line of createInterface({ input: child.stderr })) {
    if (!line.startsWith("{")) continue;
    const { event, port } = JSON.parse(line) as { event: string; port: number };
    if (event === "listening") return `http://127.0.0.1:${port}`;
  }
  throw new Error(`${command} ${args.join(" ")}: ended before it listened`);
}

test("the package holds the compiled sources, and nothing else", () => {
  const sources = ["bin", "src"].flatMap((part) =>
    readdirSync(join(BRIDGE, part))
      .filter((name) => name.endsWith(".ts"))
      .map((name) => `dist/${part}/${name.replace(/\.ts$/, "")}`),
  );
  const expected = sources.flatMap((source) => [`${source}.js`, `${source}.d.ts`]);
  expect(files.toSorted()).toEqual([...expected, "LICENSE", "README.md", "package.json"].toSorted());
});

test("npx mcp-bridge: --version and --help", async () => {
  expect(await run("npx", ["mcp-bridge", "--version"], folder)).toBe(`${MANIFEST.version}\n`);
  expect(await run("npx", ["mcp-bridge", "--help"], folder)).toContain("mcp-bridge [options] -- <command>");
});

test("npx mcp-bridge serves a stdio server, in a session and without; `health` says so", async () => {
  // Not through npx, which does not pass a signal on to what it runs.
  const bin = join(folder, "node_modules/.bin/mcp-bridge");
  const url = await serve(bin, ["--port", "0", "--", process.execPath, STDIO_SERVER]);
  const session = await openSession(url);
  expect(await session.call("echo", { text: "packed" })).toBe("packed");
  expect(await textOf(url, "echo", { text: "again" })).toBe("again");
  expect(await run(bin, ["health", "--port", new URL(url).port], folder)).toContain('"status":"ok"');
});

test("the README's example of a hosted server is a whole program, and type-checks", async () => {
  const [, example = ""] = /^```ts\n(import \{ hostServer \}.*?)^```$/ms.exec(README) ?? [];
  writeFileSync(join(folder, "greeter.ts"), example);
  const url = await serve(process.execPath, ["greeter.ts", "--port", "0"]);
  expect(await (await openSession(url)).call("greet")).toBe("Hello!");
  expect(await textOf(url, "greet")).toBe("Hello!");
  const health = (await (await fetch(`${url}/health`)).json()) as { checks: object };
  expect(Object.keys(health.checks)).toEqual(["server", "database"]);
  const tsc = fileURLToPath(new URL("../../node_modules/typescript/bin/tsc", import.meta.url));
  const types = fileURLToPath(new URL("../../node_modules/@types", import.meta.url));
  // It fails as well if the package's types were not found: then nothing would be wrong with a name that is a number.
  const wrong = `import { hostServer } from "${MANIFEST.name}";\n// @ts-expect-error\nvoid hostServer({ name: 1 });\n`;
  writeFileSync(join(folder, "wrong.ts"), wrong);
  const strict = ["--strict", "--exactOptionalPropertyTypes", "--skipLibCheck", "--noEmit", "--target", "es2024"];
  const options = [...strict, "--module", "nodenext", "--typeRoots", types, "--types", "node"];
  await run(process.execPath, [tsc, ...options, "greeter.ts", "wrong.ts"], folder);
});
