import * as pulumi from "@pulumi/pulumi";
import { describe, expect, test } from "vitest";
import { configProblems } from "../../config/problems.ts";
import { defaultBaseImages } from "../../config/schema.ts";
import { parseConfig } from "../../config.ts";
import { minimal, mounts, vault, world } from "./fixtures.ts";

const fsTools =
  "read_file, read_text_file, read_media_file, read_multiple_files, write_file, edit_file, create_directory, list_directory, list_directory_with_sizes, directory_tree, move_file, search_files, get_file_info, list_allowed_directories";
const serverKeys =
  "enabled, publish, port, containerName, user, memory, processes, maxSessions, requestTimeout, egress, allowedTools";

const bad: { name: string; raw: Record<string, unknown>; secretsAreSecret?: boolean; problems: string[] }[] = [
  {
    name: "a top-level key that does not exist, near to one that does",
    raw: { prefx: "mcp-" },
    problems: [
      "mcp:prefx is not a key; allowed: prefix, bindAddress, allowedHosts, healthInterval, images, litellm, servers, backends, secrets; did you mean `prefix`?",
    ],
  },
  {
    name: "a top-level key like no other",
    raw: { kubernetes: true },
    problems: [
      "mcp:kubernetes is not a key; allowed: prefix, bindAddress, allowedHosts, healthInterval, images, litellm, servers, backends, secrets; remove it",
    ],
  },
  {
    name: "a server that does not exist",
    raw: { servers: { fetsh: {} } },
    problems: ["mcp:servers.fetsh is not a key; allowed: filesystem, fetch, vault, ledger; did you mean `fetch`?"],
  },
  {
    name: "a server's key that does not exist",
    raw: { servers: { fetch: { prot: 8504 } } },
    problems: [
      `mcp:servers.fetch.prot is not a key; allowed: ${serverKeys}, allowPrivateAddresses, ignoreRobotsTxt, userAgent; did you mean \`port\`?`,
    ],
  },
  {
    name: "a key of a mount that does not exist",
    raw: { servers: { filesystem: { mounts: [{ ...mounts[0], writeable: true }] } } },
    problems: [
      "mcp:servers.filesystem.mounts[0].writeable is not a key; allowed: source, target, writable; did you mean `writable`?",
    ],
  },
  ...[0, 65536, -1, 80.5, "8504", null].map((port) => ({
    name: `port ${JSON.stringify(port)}`,
    raw: { servers: { fetch: { port } } },
    problems: [
      `mcp:servers.fetch.port is ${JSON.stringify(port)}; allowed: a whole number from 1 to 65535; pick one of these`,
    ],
  })),
  {
    name: "two servers on one host port",
    raw: { servers: { filesystem: { mounts, port: 8504 }, fetch: {} } },
    problems: [
      "mcp:servers.fetch.port is 8504, as mcp:servers.filesystem.port is; allowed: a value that no other server has; pick a free one; its default is 8504",
    ],
  },
  {
    name: "two containers of one name",
    raw: { servers: { filesystem: { mounts, containerName: "mcp-fetch" }, fetch: {} } },
    problems: [
      'mcp:servers.fetch.containerName is "mcp-fetch", as mcp:servers.filesystem.containerName is; allowed: a value that no other server has; leave it out for the usual name',
    ],
  },
  {
    name: "a mount without its source on the host",
    raw: { servers: { filesystem: { mounts: [{ source: "/nowhere", target: "/workspace" }] } } },
    problems: [
      'mcp:servers.filesystem.mounts[0].source is "/nowhere", which does not exist; allowed: a folder of the host; create it or name another',
    ],
  },
  {
    name: "two mounts on one target",
    raw: { servers: { filesystem: { mounts: [...mounts, { source: "/srv/projects", target: "/workspace" }] } } },
    problems: [
      'mcp:servers.filesystem.mounts[1].target is "/workspace", as mcp:servers.filesystem.mounts[0].target is; allowed: a target for each mount; mount it elsewhere',
    ],
  },
  ...["workspace", "/", "/a/../b", "/a//b"].map((target) => ({
    name: `mount target ${target}`,
    raw: { servers: { filesystem: { mounts: [{ source: "work", target }] } } },
    problems: [
      `mcp:servers.filesystem.mounts[0].target is "${target}"; allowed: an absolute path below /, without \`..\`; use /workspace or /projects`,
    ],
  })),
  {
    name: "a filesystem without a mount",
    raw: { servers: { filesystem: {} } },
    problems: [
      "mcp:servers.filesystem.mounts is missing; allowed: a list of at least one `{ source, target, writable }`; mount a folder of the host at /workspace",
    ],
  },
  {
    name: "a tool that the server does not have",
    raw: { servers: { filesystem: { mounts, allowedTools: ["read_text_file", "read_txt_file"] } } },
    problems: [
      `mcp:servers.filesystem.allowedTools[1] is "read_txt_file"; allowed: ${fsTools}; did you mean \`read_text_file\`?`,
    ],
  },
  {
    name: "an empty tool list, which would hide the whole server",
    raw: { servers: { fetch: { allowedTools: [] } } },
    problems: [
      "mcp:servers.fetch.allowedTools is []; allowed: a list of at least one of: fetch; leave it out to allow all",
    ],
  },
  {
    name: "a server without its secret",
    raw: { servers: { vault: {} } },
    problems: [
      "mcp:secrets.vault.token is missing, and vault cannot run without it; allowed: a token from the vault's settings page; `pulumi config set --secret --path mcp:secrets.vault.token`, or set mcp:servers.vault.enabled to false",
    ],
  },
  {
    name: "a secret that no server has",
    raw: { secrets: { vault: { tokken: "s3cret" } } },
    problems: [
      "mcp:secrets.vault.tokken is not a secret of any server or backend; allowed: vault.token; did you mean `vault.token`?",
    ],
  },
  {
    name: "a secret in plain text",
    raw: { servers: { vault: {} }, secrets: { vault: { token: "s3cret" } } },
    secretsAreSecret: false,
    problems: [
      "mcp:secrets is kept in plain text; allowed: encrypted values; set each again with `pulumi config set --secret --path mcp:secrets.<server>.<key>`",
    ],
  },
  {
    name: "a secret of the wrong shape, whose value stays unsaid",
    raw: { secrets: { vault: "s3cret" } },
    problems: [
      "mcp:secrets.vault is not of the right shape; allowed: for each server or backend that needs one, an object of its secrets; `pulumi config set --secret --path mcp:secrets.<name>.<key>`",
    ],
  },
  {
    name: "an address that is none",
    raw: { bindAddress: "localhost" },
    problems: ['mcp:bindAddress is "localhost"; allowed: an IP address; use 127.0.0.1'],
  },
  {
    name: "a prefix that Docker would refuse",
    raw: { prefix: "MCP_" },
    problems: [
      'mcp:prefix is "MCP_"; allowed: lower-case letters, digits and `-`, first a letter, 2 to 32 of them; use for example mcp- or mcp-staging-',
    ],
  },
  {
    name: "root as the user",
    raw: { servers: { fetch: { user: "0:0" } } },
    problems: ['mcp:servers.fetch.user is "0:0"; allowed: `uid:gid` with both above 0; leave it out for 10004:10004'],
  },
  {
    name: "less memory than one session takes",
    raw: { servers: { fetch: { memory: 128 } } },
    problems: ["mcp:servers.fetch.memory is 128; allowed: a whole number from 196 to 1048576 (MiB); pick one of these"],
  },
  {
    name: "text where an object belongs",
    raw: { servers: "fetch" },
    problems: ['mcp:servers is "fetch"; allowed: an object of keys; write it as `key: value` lines'],
  },
  {
    name: "a transport that LiteLLM does not know",
    raw: { litellm: { transport: "stdio" } },
    problems: ['mcp:litellm.transport is "stdio"; allowed: http or sse; leave it out for http'],
  },
];

describe("configProblems", () => {
  test.each(bad)("$name", ({ raw, problems, secretsAreSecret = true }) => {
    expect(configProblems(raw, world({ secretsAreSecret }))).toEqual(problems);
  });

  test("all problems at once, of every kind", () => {
    const raw = {
      prefx: "x",
      servers: {
        filesystem: { port: 8504, mounts: [{ source: "/nowhere", target: "/workspace" }] },
        fetch: { memory: 1 },
        vault: {},
      },
    };
    expect(configProblems(raw, world()).map((problem) => problem.split(" ")[0])).toEqual([
      "mcp:servers.fetch.memory",
      "mcp:prefx",
      "mcp:servers.fetch.port",
      "mcp:servers.filesystem.mounts[0].source",
      "mcp:secrets.vault.token",
    ]);
  });

  test("servers that are off or unpublished hold no port", () => {
    const off = { servers: { filesystem: { mounts, port: 8504, enabled: false }, fetch: {} } };
    const unpublished = { servers: { filesystem: { mounts, port: 8504, publish: false }, fetch: {} } };
    expect(configProblems(off, world())).toEqual([]);
    expect(configProblems(unpublished, world())).toEqual([]);
  });
});

describe("parseConfig", () => {
  test("fills in the defaults", () => {
    const { servers, images, backends, backendSecrets, ...common } = parseConfig(minimal, world());
    expect(common).toEqual({
      prefix: "mcp-",
      bindAddress: "127.0.0.1",
      allowedHosts: [],
      healthInterval: 30,
      litellm: { transport: "http", reach: "internal" },
      notices: [],
    });
    expect(images).toEqual(defaultBaseImages);
    expect(backends.postgres).toEqual({ mode: "managed", memory: 512 });
    expect(backendSecrets.postgres).toEqual({});
    expect(servers.map(({ definition, options }) => [definition.name, options])).toEqual([
      [
        "filesystem",
        {
          enabled: true,
          publish: true,
          port: 8501,
          requestTimeout: 30,
          mounts: [{ source: "work", target: "/workspace", writable: false }],
        },
      ],
      [
        "fetch",
        {
          enabled: true,
          publish: true,
          port: 8504,
          requestTimeout: 30,
          allowPrivateAddresses: false,
          ignoreRobotsTxt: false,
        },
      ],
    ]);
  });

  test("no server is on that is not listed", () => {
    expect(parseConfig({}, world()).servers).toEqual([]);
  });

  test("a server's secrets are secret from here on", async () => {
    const parsed = parseConfig({ servers: { vault: {} }, secrets: { vault: { token: "s3cret" } } }, world());
    const value = parsed.servers[0]?.secretEnvs.VAULT_TOKEN;
    expect(parsed.servers[0]?.definition).toBe(vault);
    expect(value && (await pulumi.isSecret(value))).toBe(true);
  });

  test("refuses with one error that lists every problem", () => {
    const parse = () => parseConfig({ bindAddress: "here", servers: { fetch: { port: 0 } } }, world());
    expect(parse).toThrow(pulumi.RunError);
    expect(parse).toThrow(
      [
        "the configuration of this stack has 2 problems; nothing was changed:",
        '  1. mcp:bindAddress is "here"; allowed: an IP address; use 127.0.0.1',
        "  2. mcp:servers.fetch.port is 0; allowed: a whole number from 1 to 65535; pick one of these",
      ].join("\n"),
    );
  });
});
