import { isIP } from "node:net";
import { z } from "zod";
import { backendCatalogue } from "../components/backends/catalogue.ts";
import { leastMemory, sessionsOf } from "../components/limits.ts";
import type { ServerDefinition } from "../components/server-definition.ts";
import { backendKeys } from "./backend-schema.ts";
import { field, flag, wholeNumber } from "./field.ts";

/** First part of names where a stack says nothing else. */
export const defaultPrefix = "mcp-";

/** Base images of all others, by what they carry; `mcp:images` points them at a mirror or at images built here. */
export const defaultBaseImages = {
  debian: "debian:13-slim",
  node: "node:24-trixie-slim",
  python: "python:3.13-slim-trixie",
  golang: "golang:1.26-trixie",
  postgres: "postgres:17-trixie",
  timescaledb: "timescale/timescaledb:2.30.2-pg17",
  loki: "grafana/loki:3.7.6",
  netdata: "netdata/netdata:v2.10.3",
  traefik: "traefik:v3.7.15",
} as const;

/** Key under `mcp:images`. */
export type BaseImageName = keyof typeof defaultBaseImages;

const imageName = (what: string, fallback: string) =>
  field(
    {
      description: `Image with ${what}.`,
      allowed: "an image reference such as `registry/name:tag` or `name@sha256:…`",
      remedy: `leave it out for ${fallback}`,
    },
    z
      .string()
      .regex(/^[a-z0-9][\w.\-:/@]*$/)
      .default(fallback),
  );

/** Keys of every server, whatever it does. */
const serverKeys = (definition: ServerDefinition) => ({
  enabled: flag("Run this server. One that is listed is on; one that is not listed is off.", true),
  publish: flag("Publish it on a port of the host.", true),
  port: wholeNumber("Port of the host.", "", 1, 65535).default(definition.port),
  containerName: field(
    {
      description: "Name of the container, in place of `<prefix><server>`.",
      allowed: "letters, digits, `_`, `.` and `-`, 2 to 63 of them, first a letter or a digit",
      remedy: "leave it out for the usual name",
    },
    z
      .string()
      .regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]{1,62}$/)
      .optional(),
  ),
  user: field(
    {
      description:
        "User and group of the processes, as numbers; needed where a mounted folder is not readable for all.",
      allowed: "`uid:gid` with both above 0",
      remedy: `leave it out for ${definition.uid}:${definition.uid}`,
    },
    z
      .string()
      .regex(/^[1-9]\d{0,8}:[1-9]\d{0,8}$/)
      .optional(),
  ),
  memory: wholeNumber(
    "Memory limit; no swap beyond it. Default: enough for `maxSessions`.",
    "MiB",
    leastMemory(definition),
    1_048_576,
  ).optional(),
  processes: wholeNumber(
    "Processes and threads at once; kept as the user's `nproc` limit, since the provider has no pids limit. Default: enough for `maxSessions`.",
    "",
    64,
    1_048_576,
  ).optional(),
  maxSessions: wholeNumber(
    `Client sessions at once; one more is answered 503. Default: what \`memory\` is enough for, or ${sessionsOf(definition)}.`,
    "",
    1,
    10_000,
  ).optional(),
  requestTimeout: wholeNumber("Time that one request may take without progress.", "seconds", 1, 86_400).default(30),
  egress: field(
    {
      description: "Connections that it may open by itself, in place of what it needs by nature.",
      allowed: "none, or web for any address",
      remedy: "leave it out for what the server needs",
    },
    z.enum(["none", "web"]).optional(),
  ),
  allowedTools: field(
    {
      description: "Tools that clients can see and call; the others are hidden and refused.",
      allowed: `a list of at least one of: ${definition.tools.join(", ")}`,
      remedy: "leave it out to allow all",
    },
    z.array(z.string()).min(1).optional(),
  ),
});

/** Keys of one server. */
export const serverSchema = (definition: ServerDefinition) =>
  z.strictObject({ ...serverKeys(definition), ...definition.options });

/** Everything under `mcp:`: the one place that says which keys there are, what they take and what they are for. */
export const configSchema = (servers: readonly ServerDefinition[]) =>
  z.strictObject({
    prefix: field(
      {
        description:
          "First part of the names of containers, networks and images; another one for each stack of an engine.",
        allowed: "lower-case letters, digits and `-`, first a letter, 2 to 32 of them",
        remedy: "use for example mcp- or mcp-staging-",
      },
      z
        .string()
        .regex(/^[a-z][a-z0-9-]{1,31}$/)
        .default(defaultPrefix),
    ),
    bindAddress: field(
      {
        description:
          "Address of the host on which ports are published; anything but loopback is reachable from outside.",
        allowed: "an IP address",
        remedy: "use 127.0.0.1",
      },
      z
        .string()
        .refine((value) => isIP(value) !== 0)
        .default("127.0.0.1"),
    ),
    allowedHosts: field(
      {
        description:
          "Names beside the loopback ones and the containers' own that clients may use in the `Host` header.",
        allowed: "a list of host names, each with or without a port",
        remedy: "name the host as clients write it in the URL",
      },
      z.array(z.string().regex(/^[\w.[\]-]+(:\d+)?$/)).default([]),
    ),
    healthInterval: wholeNumber(
      "Time between two health checks of a container; `up` waits for the first one.",
      "seconds",
      1,
      3600,
    ).default(30),
    images: z
      .strictObject({
        debian: imageName("Debian 13", defaultBaseImages.debian),
        node: imageName("Node 24 on Debian 13", defaultBaseImages.node),
        python: imageName("Python 3.13 on Debian 13", defaultBaseImages.python),
        golang: imageName("Go 1.26 on Debian 13", defaultBaseImages.golang),
        postgres: imageName("PostgreSQL 17", defaultBaseImages.postgres),
        timescaledb: imageName("TimescaleDB for PostgreSQL 17", defaultBaseImages.timescaledb),
        loki: imageName("Grafana Loki 3", defaultBaseImages.loki),
        netdata: imageName("Netdata 1.37 or newer", defaultBaseImages.netdata),
        traefik: imageName("Traefik 3", defaultBaseImages.traefik),
      })
      .prefault({}),
    litellm: z
      .strictObject({
        transport: field(
          { description: "Transport in `litellmConfig`.", allowed: "http or sse", remedy: "leave it out for http" },
          z.enum(["http", "sse"]).default("http"),
        ),
        reach: field(
          {
            description: "Whose URLs `litellmConfig` has: those of the containers' networks, or the published ones.",
            allowed: "internal or host",
            remedy: "use host for a LiteLLM that runs on the host itself",
          },
          z.enum(["internal", "host"]).default("internal"),
        ),
      })
      .prefault({}),
    servers: z
      .strictObject(
        Object.fromEntries(servers.map((definition) => [definition.name, serverSchema(definition).optional()])),
      )
      .prefault({}),
    backends: z
      .strictObject(
        Object.fromEntries(
          backendCatalogue.map((definition) => [
            definition.name,
            z.strictObject({ ...backendKeys(definition), ...definition.options }).prefault({}),
          ]),
        ),
      )
      .prefault({}),
    secrets: field(
      {
        description: "Secrets of servers and backends, by name and key; only ever set with `--secret`.",
        allowed: "for each server or backend that needs one, an object of its secrets",
        remedy: "`pulumi config set --secret --path mcp:secrets.<name>.<key>`",
      },
      z.record(z.string(), z.record(z.string(), z.string().min(1))).default({}),
    ),
  });

/** The options of every server, as the schema leaves them. */
export type ServerOptions = z.output<z.ZodObject<ReturnType<typeof serverKeys>>>;
