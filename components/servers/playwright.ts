import { z } from "zod";
import { field, flag } from "../../config/field.ts";
import { defineServer } from "../server-definition.ts";
import { browserSeccomp } from "./browser-seccomp.ts";
import { allTools, capabilities, toolsWith, unsafeTool } from "./playwright-tools.ts";

const origins = (description: string) =>
  field(
    {
      description,
      allowed:
        "a list of origins such as `https://example.com`, `http://*.example.com:8080` or `https://example.com:*`",
      remedy: "write scheme, host and, where it is not the usual one, port; no path",
    },
    z
      .array(z.string().regex(/^https?:\/\/((\*\.)?[^\s/:*?#@[\]]+|\[[0-9a-fA-F:.]+\])(:(\d{1,5}|\*))?\/?$/))
      .default([]),
  );

/** A browser of its own for each session, without a window; it reaches the web through a filter of ours. */
export const playwright = defineServer({
  name: "playwright",
  description: "A web browser: pages are opened, read, clicked and photographed",
  port: 8508,
  uid: 10008,
  // With a page of 3,000 links open and photographed; a small one takes 170. A spare without a browser takes 100.
  session: { memory: 512, processes: 160 },
  sessions: 4,
  egress: "web",
  baseImages: [],
  tools: allTools,
  offeredTools: ({ capabilities, allowUnsafeCode }) => toolsWith(capabilities, allowUnsafeCode),
  labels: { "com.mcp.capability": "browser" },
  // A client's roots would become the folders whose files it may upload (measured with 0.0.83).
  stripClientCapabilities: ["roots"],
  options: {
    allowedOrigins: origins(
      "Origins that the browser may ask for anything; none named: all. Enforced for redirects too.",
    ),
    blockedOrigins: origins("Origins that it may not ask, also where they are allowed."),
    allowPrivateAddresses: flag("Also open private and link-local addresses; its own container's never.", false),
    capabilities: field(
      {
        description: "Further groups of tools.",
        allowed: `a list of: ${capabilities.join(", ")}`,
        remedy: "leave it out for the usual tools",
      },
      z.array(z.enum(capabilities)).default([]),
    ),
    viewport: field(
      {
        description: "Size of the window, in pixels.",
        allowed: "`<width>x<height>`",
        remedy: "leave it out for 1280x720",
      },
      z
        .string()
        .regex(/^[1-9]\d{1,3}x[1-9]\d{1,3}$/)
        .default("1280x720"),
    ),
    allowUnsafeCode: flag(
      `Offer \`${unsafeTool}\`: a client's own code in the server's process, which none of the above holds back.`,
      false,
    ),
    sandbox: flag("Keep Chromium's own sandbox around each page; needs a host where users may have namespaces.", true),
  },
  specifics: (options) => ({
    command: [
      ...options.allowedOrigins.map((origin) => `--allowed-origin=${origin}`),
      ...options.blockedOrigins.map((origin) => `--blocked-origin=${origin}`),
      ...(options.allowPrivateAddresses ? ["--allow-private-addresses"] : []),
      ...options.capabilities.map((capability) => `--capability=${capability}`),
      `--viewport=${options.viewport}`,
      ...(options.sandbox ? [] : ["--no-sandbox"]),
    ],
    envs: options.allowUnsafeCode ? {} : { MCP_DENIED_TOOLS: unsafeTool },
    // Profiles, downloads and output of all sessions, and the memory that Chromium's processes share.
    tmpSize: 512,
    ...(options.sandbox && { seccomp: browserSeccomp }),
  }),
});
