import { readFileSync } from "node:fs";
import { digestsOfFile } from "./bearer.ts";
import { Bridge } from "./bridge.ts";
import { killAllGroups } from "./child-process.ts";
import { helpText } from "./help.ts";
import { createLog } from "./log.ts";
import { openRequestWatch } from "./observe.ts";
import { type Options, parseOptions } from "./options.ts";
import type { RequestWatch } from "./request-watch.ts";
import { bridgeVersion } from "./version.ts";

/** Runs the command line; the process ends by itself or by signal. */
export async function main(argv: readonly string[]): Promise<void> {
  const parsed = parseOptions(argv, process.env);
  if (parsed.kind === "help") return void process.stdout.write(helpText());
  if (parsed.kind === "version") return void process.stdout.write(`${bridgeVersion()}\n`);
  if (parsed.kind === "invalid") return fail(parsed.problems);
  const digests = tokenDigests(parsed.options);
  if (!digests.ok) return fail([digests.problem]);
  const stateKey = readStateKey(parsed.options.stateKeyFile);
  if (!stateKey.ok) return fail([stateKey.problem]);
  await serve(parsed.options, digests.digests, stateKey.key);
}

function fail(problems: readonly string[]): void {
  process.stderr.write(`mcp-bridge: ${problems.length === 1 ? "1 problem" : `${problems.length} problems`}\n`);
  for (const problem of problems) process.stderr.write(`  - ${problem}\n`);
  process.exitCode = 2;
}

function tokenDigests(options: Options): { ok: true; digests: string[] } | { ok: false; problem: string } {
  const digests = [...options.authTokenSha256];
  const file = options.authTokenFile;
  if (file === undefined) return { ok: true, digests };
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return {
      ok: false,
      problem: `--auth-token-file (MCP_AUTH_TOKEN_FILE): "${file}" cannot be read (${reason}); give a readable file`,
    };
  }
  const fromFile = digestsOfFile(text);
  if (fromFile.length > 0) return { ok: true, digests: [...digests, ...fromFile] };
  // An empty file must not silently mean that everyone may come in.
  return {
    ok: false,
    problem: `--auth-token-file (MCP_AUTH_TOKEN_FILE): "${file}" holds no token; write one per line`,
  };
}

/** A secret shorter than the HMAC's own output would be its weakest part (RFC 2104, 3). */
const MIN_STATE_KEY_BYTES = 32;

function readStateKey(file: string | undefined): { ok: true; key?: Buffer } | { ok: false; problem: string } {
  if (file === undefined) return { ok: true };
  const option = "--state-key-file (MCP_STATE_KEY_FILE)";
  try {
    const key = readFileSync(file);
    if (key.length >= MIN_STATE_KEY_BYTES) return { ok: true, key };
    const fault = `"${file}" holds ${key.length} bytes; write at least ${MIN_STATE_KEY_BYTES}`;
    return { ok: false, problem: `${option}: ${fault}, e.g. with: openssl rand -base64 32` };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { ok: false, problem: `${option}: "${file}" cannot be read (${reason}); give a readable file` };
  }
}

async function serve(options: Options, digests: readonly string[], stateKey: Buffer | undefined): Promise<void> {
  const log = createLog({ server: options.name, level: options.logLevel });
  // Whatever ends this process, no server of it stays behind.
  process.on("exit", killAllGroups);
  process.on("uncaughtException", (error) => {
    log("error", "fatal", { error: error.stack ?? error.message });
    process.exit(1);
  });
  const version = bridgeVersion();
  let watch: RequestWatch | undefined;
  try {
    watch = await openRequestWatch(options, { log, version, env: process.env });
  } catch (error) {
    return fail([error instanceof Error ? error.message : String(error)]);
  }
  const bridge = new Bridge(options, { log, version, env: process.env, digests, stateKey, watch });
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    signals++;
    log("info", "signal", { signal });
    if (signals > 1) process.exit(1);
    void bridge.close().then(() => process.exit(0));
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  try {
    await bridge.listen();
  } catch (error) {
    log("error", "listen_failed", { error: error instanceof Error ? error.message : String(error) });
    process.exit(1);
  }
}
