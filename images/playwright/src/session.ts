/** One session: the browser's way out, a folder, and the upstream server in this very process. */
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { mayConnect } from "./addresses.ts";
import { startEgressProxy } from "./egress-proxy.ts";
import { inlineFiles } from "./inline-files.ts";
import { parseOrigin } from "./origins.ts";
import { makeSessionFolder } from "./session-folder.ts";

const { values } = parseArgs({
  options: {
    "allowed-origin": { type: "string", multiple: true, default: [] },
    "blocked-origin": { type: "string", multiple: true, default: [] },
    "allow-private-addresses": { type: "boolean", default: false },
    capability: { type: "string", multiple: true, default: [] },
    viewport: { type: "string", default: "1280x720" },
    "no-sandbox": { type: "boolean", default: false },
  },
});

const proxy = await startEgressProxy(
  {
    allowed: values["allowed-origin"].map(parseOrigin),
    blocked: values["blocked-origin"].map(parseOrigin),
    mayConnect: (address) => mayConnect(address, values["allow-private-addresses"]),
  },
  (line) => process.stderr.write(`${line}\n`),
);

// Home, profile, downloads and output of this session, and of no other.
const folder = makeSessionFolder("/tmp");
Object.assign(process.env, { HOME: folder, TMPDIR: folder });
process.chdir(folder);

const [width, height] = values.viewport.split("x").map(Number);
const config = {
  browser: {
    browserName: "chromium",
    isolated: true,
    launchOptions: {
      executablePath: "/usr/lib/chromium/chromium-headless-shell",
      headless: true,
      chromiumSandbox: !values["no-sandbox"],
      proxy: { server: proxy },
      args: [
        // WebRTC would send UDP past the proxy.
        "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
        "--disable-quic",
      ],
    },
    contextOptions: { viewport: { width, height }, proxy: { server: proxy } },
  },
  capabilities: ["core", ...values.capability],
  outputDir: join(folder, "output"),
  outputMaxSize: 32 * 1024 * 1024,
  // The bridge waits for 30 s, and its error would not say what took so long.
  timeouts: { navigation: 25_000 },
  // Tools that a page brings along would be a stranger's words among ours.
  webmcp: false,
};
const configFile = join(folder, "config.json");
writeFileSync(configFile, JSON.stringify(config));

// The server writes each message with one call.
const write = process.stdout.write.bind(process.stdout);
process.stdout.write = ((chunk: string | Uint8Array, ...rest: []) =>
  write(typeof chunk === "string" ? `${inlineFiles(chunk.trimEnd(), folder)}\n` : chunk, ...rest)) as typeof write;

process.argv = [process.execPath, "playwright-mcp", "--config", configFile];
// Its package exports no command line, hence the path.
createRequire(import.meta.url)("../node_modules/@playwright/mcp/cli.js");
