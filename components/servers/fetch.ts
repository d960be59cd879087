import { z } from "zod";
import { field, flag } from "../../config/field.ts";
import { defineServer } from "../server-definition.ts";

/** Fetches pages of the public web as Markdown; private, loopback and link-local addresses only when allowed. */
export const fetch = defineServer({
  name: "fetch",
  description: "Pages of the web as Markdown",
  port: 8504,
  uid: 10004,
  session: { memory: 66, processes: 16 },
  egress: "web",
  baseImages: ["python"],
  tools: ["fetch"],
  labels: { "com.mcp.capability": "web-scraping" },
  options: {
    allowPrivateAddresses: flag("Also fetch from private, loopback and link-local addresses.", false),
    ignoreRobotsTxt: flag("Fetch also what a site's robots.txt forbids to agents.", false),
    userAgent: field(
      {
        description: "`User-Agent` header that it sends, in place of the server's own.",
        allowed: "a line of printable ASCII",
        remedy: "leave it out for the server's own",
      },
      z
        .string()
        .regex(/^[\x20-\x7e]+$/)
        .optional(),
    ),
  },
  specifics: ({ allowPrivateAddresses, ignoreRobotsTxt, userAgent }) => ({
    command: [
      ...(allowPrivateAddresses ? ["--allow-private-ips"] : []),
      ...(ignoreRobotsTxt ? ["--ignore-robots-txt"] : []),
      ...(userAgent === undefined ? [] : [`--user-agent=${userAgent}`]),
    ],
  }),
});
