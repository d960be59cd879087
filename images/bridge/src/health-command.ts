import { get } from "./node-builtins.ts";

const TIMEOUT_MS = 8_000;

/** `mcp-bridge health`: asks a running bridge on this machine; 0 if it is healthy, else 1, with one line why. */
export async function healthCommand(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const port = Number(flagValue(argv, "--port") ?? env.MCP_PORT ?? 8_080);
  const host = loopback(flagValue(argv, "--host") ?? env.MCP_HOST ?? "127.0.0.1");
  const { status, text } = await fetchHealth(host, port);
  process.stdout.write(`${text}\n`);
  return status === 200 ? 0 : 1;
}

function flagValue(argv: readonly string[], flag: string): string | undefined {
  const at = argv.indexOf(flag);
  return at >= 0 ? argv[at + 1] : argv.find((arg) => arg.startsWith(`${flag}=`))?.slice(flag.length + 1);
}

/** An address to listen on is not always one to connect to. */
function loopback(host: string): string {
  return host === "0.0.0.0" ? "127.0.0.1" : host === "::" ? "::1" : host;
}

function fetchHealth(host: string, port: number): Promise<{ status: number; text: string }> {
  return new Promise((resolve) => {
    const fail = (error: Error): void =>
      resolve({ status: 0, text: `no answer from ${host}:${port}: ${error.message}` });
    // The Host header of loopback is always allowed.
    const options = { host, port, path: "/health", timeout: TIMEOUT_MS, headers: { host: "localhost" } };
    const request = get(options, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text: text.trim() }));
    });
    request.on("timeout", () => request.destroy(new Error(`nothing within ${TIMEOUT_MS} ms`)));
    request.on("error", fail);
  });
}
