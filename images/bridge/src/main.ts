import { setTimeout as sleep } from "node:timers/promises";
import { digestsOfFile } from "./bearer.ts";
import { Bridge, type BridgeDependencies } from "./bridge.ts";
import { killAllGroups } from "./child-process.ts";
import { helpText } from "./help.ts";
import type { Host, HostedDefinition } from "./hosted-server.ts";
import { runningPort } from "./in-process-port.ts";
import { createLog, type Log } from "./log.ts";
import { readFileSync } from "./node-builtins.ts";
import { openRequestWatch } from "./observe.ts";
import { type Options, parseOptions } from "./options.ts";
import type { RequestWatch } from "./request-watch.ts";
import { bridgeVersion } from "./version.ts";

/**
 * Runs the command line; the process ends by itself or by signal.
 * @param hosted a server in this process, instead of the command
 * @returns what is running; undefined if the options were wrong, or asked for text alone
 */
export async function main(argv: readonly string[], hosted?: HostedDefinition): Promise<Host | undefined> {
  const parsed = parseOptions(argv, process.env, hosted);
  if (parsed.kind === "help") return void process.stdout.write(helpText(hosted));
  if (parsed.kind === "version") return void process.stdout.write(`${bridgeVersion()}\n`);
  if (parsed.kind === "invalid") return fail(parsed.problems);
  const digests = tokenDigests(parsed.options);
  if (!digests.ok) return fail([digests.problem]);
  const stateKey = readStateKey(parsed.options.stateKeyFile);
  if (!stateKey.ok) return fail([stateKey.problem]);
  return serve(parsed.options, { digests: digests.digests, stateKey: stateKey.key, hosted });
}

function fail(problems: readonly string[]): undefined {
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

type Given = Pick<BridgeDependencies, "digests" | "stateKey" | "hosted">;

async function serve(options: Options, given: Given): Promise<Host | undefined> {
  const log = createLog({ server: options.name, level: options.logLevel });
  const version = given.hosted?.version ?? bridgeVersion();
  let watch: RequestWatch | undefined;
  try {
    watch = await openRequestWatch(options, { log, version, env: process.env });
  } catch (error) {
    return fail([error instanceof Error ? error.message : String(error)]);
  }
  const bridge = new Bridge(options, { log, version, env: process.env, ...given, watch });
  const close = async (): Promise<void> => {
    await bridge.close();
    await closeHosted(given.hosted, log);
    for (const [event, listener] of listeners) process.off(event, listener);
  };
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    signals++;
    log("info", "signal", { signal });
    if (signals > 1) process.exit(1);
    void close().then(() => process.exit(0));
  };
  const onUncaught = (error: Error, origin: NodeJS.UncaughtExceptionOrigin): void => {
    // Hosted servers share this process: what one session throws must not end the others.
    const port = runningPort();
    if (port === undefined) {
      log("error", "fatal", { error: error.stack ?? error.message });
      process.exit(1);
    }
    if (origin === "unhandledRejection") port.rejected(error);
    else port.crash(error);
  };
  const listeners = [
    // Whatever ends this process, no server of it stays behind.
    ["exit", killAllGroups],
    ["uncaughtException", onUncaught],
    ["SIGTERM", onSignal],
    ["SIGINT", onSignal],
  ] as const;
  for (const [event, listener] of listeners) process.on(event, listener);
  try {
    return { port: await bridge.listen(), close };
  } catch (error) {
    log("error", "listen_failed", { error: error instanceof Error ? error.message : String(error) });
    process.exit(1);
  }
}

/** The part of the drain timeout that ending the servers of this process leaves. */
const HOSTED_CLOSE_MS = 1_500;

async function closeHosted(hosted: HostedDefinition | undefined, log: Log): Promise<void> {
  const timer = new AbortController();
  try {
    const closed = Promise.resolve(hosted?.close?.());
    const timeout = sleep(HOSTED_CLOSE_MS, undefined, { signal: timer.signal }).then(() => {
      throw new Error(`not done within ${HOSTED_CLOSE_MS} ms`);
    });
    await Promise.race([closed, timeout]);
  } catch (error) {
    log("warn", "close_failed", { error: error instanceof Error ? error.message : String(error) });
  } finally {
    timer.abort();
  }
}
