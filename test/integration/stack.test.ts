import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fetch as fetchServer } from "../../components/servers/fetch.ts";
import { filesystem } from "../../components/servers/filesystem.ts";
import { defaultBaseImages } from "../../config/schema.ts";
import type { StackOutputs } from "../../outputs/contract.ts";
import { callText, clients, clientWithRoots } from "./clients.ts";
import { docker, freePorts, logsOf, TestStack, thingsNamed } from "./test-stack.ts";

// The life of a stack, with the two servers that need no backend; the whole fleet is in fleet.test.ts.
const catalogue = [filesystem, fetchServer];

// One stack, brought up once; the tests that change it come last, and each leaves it settled for the next.
const stack = new TestStack({});
const [filesystemPort = 0, fetchPort = 0] = await freePorts(2);
let config: { servers: Record<string, Record<string, unknown>> };
let outputs: StackOutputs;

beforeAll(async () => {
  const workspace = join(stack.folder, "host", "workspace");
  mkdirSync(workspace, { recursive: true });
  writeFileSync(join(workspace, "note.txt"), "kept on the host\n");
  writeFileSync(join(stack.folder, "host", "outside.txt"), "not mounted\n");
  config = {
    servers: {
      filesystem: { port: filesystemPort, mounts: [{ source: "host/workspace", target: "/workspace" }] },
      fetch: { port: fetchPort, allowPrivateAddresses: true },
    },
  };
  stack.configure(config);
  await stack.init();
  await stack.up();
  outputs = await stack.outputs();
});

afterAll(() => stack[Symbol.asyncDispose]());

const endpointOf = (server: string) => {
  const endpoint = outputs.endpoints[server]?.host;
  if (!endpoint) throw new Error(`${server} is not published`);
  return endpoint;
};
const tokenOf = (server: string) => outputs.tokens[server] ?? "";
const connect = (name: string, server: string) => {
  const client = clients[name];
  if (!client) throw new Error(`no client ${name}`);
  return client(endpointOf(server), tokenOf(server));
};

describe("outputs", () => {
  test("have the contract's keys", () => {
    expect(Object.keys(outputs).sort()).toEqual([
      "containers",
      "contractVersion",
      "endpoints",
      "litellmConfig",
      "litellmEnvironment",
      "tokens",
    ]);
    expect(outputs.contractVersion).toBe("1.0");
    expect(outputs.containers).toEqual({ filesystem: stack.container("filesystem"), fetch: stack.container("fetch") });
  });

  test("give the URLs of every server that is on", () => {
    const at = (origin: string) => ({
      sse: `${origin}/sse`,
      http: `${origin}/mcp`,
      health: `${origin}/health`,
      metrics: `${origin}/metrics`,
    });
    expect(outputs.endpoints).toEqual({
      filesystem: { internal: at("http://mcp-filesystem:8080"), host: at(`http://127.0.0.1:${filesystemPort}`) },
      fetch: { internal: at("http://mcp-fetch:8080"), host: at(`http://127.0.0.1:${fetchPort}`) },
    });
  });

  test("hide tokens from whoever may not see secrets", async () => {
    const plain = JSON.parse(await stack.plainOutputs());
    expect(plain.tokens).toBe("[secret]");
    expect(plain.litellmEnvironment).toBe("[secret]");
    expect(plain.litellmConfig).toContain("auth_value: os.environ/MCP_FILESYSTEM_TOKEN");
  });
});

describe.each(Object.keys(clients))("an official client, %s", (name) => {
  test("lists the tools that the catalogue and the label say", async () => {
    for (const { name: server, tools } of catalogue) {
      const client = await connect(name, server);
      const listed = (await client.listTools()).tools.map((tool) => tool.name);
      await client.close();
      expect(listed.sort()).toEqual([...tools].sort());
      expect(stack.inspect(server).Config.Labels["com.mcp.tools"]).toBe(String(listed.length));
    }
  });

  test("reads a mounted file", async () => {
    const client = await connect(name, "filesystem");
    expect(await callText(client, "read_text_file", { path: "/workspace/note.txt" })).toEqual({
      text: "kept on the host\n",
      isError: false,
    });
    await client.close();
  });
});

describe("filesystem", () => {
  test("does not write into a mount that is read-only", async () => {
    const client = await connect("v1 over Streamable HTTP", "filesystem");
    const written = await callText(client, "write_file", { path: "/workspace/new.txt", content: "x" });
    await client.close();
    expect(written).toEqual({ text: expect.stringContaining("EROFS"), isError: true });
  });

  test("opens nothing outside its mounts", async () => {
    const client = await connect("v1 over Streamable HTTP", "filesystem");
    const read = await callText(client, "read_text_file", { path: "/etc/passwd" });
    await client.close();
    expect(read).toEqual({ text: expect.stringContaining("Access denied"), isError: true });
  });
});

describe("filesystem, for a client that offers roots of its own,", () => {
  test("still opens its mounts and nothing else", async () => {
    const client = await clientWithRoots(endpointOf("filesystem"), tokenOf("filesystem"), ["file:///etc"]);
    const allowed = await callText(client, "list_allowed_directories", {});
    const read = await callText(client, "read_text_file", { path: "/etc/passwd" });
    await client.close();
    expect(allowed.text).toBe("Allowed directories:\n/workspace");
    expect(read).toEqual({ text: expect.stringContaining("Access denied"), isError: true });
  });
});

describe("fetch", () => {
  let site: Server;
  let origin: string;
  beforeAll(async () => {
    // The host's address on the server's own network: the one address of this machine that the container reaches.
    const [network] = JSON.parse(docker("network", "inspect", stack.container("fetch")));
    const address = network.IPAM.Config[0].Gateway;
    site = createServer((request, response) => {
      if (request.url === "/robots.txt") return response.writeHead(404).end();
      const paragraph = (n: number) =>
        `<p>Paragraph ${n} has <a href="/${n}">a link</a>, and words enough for an article.</p>`;
      const article = Array.from({ length: 8 }, (_, n) => paragraph(n)).join("");
      return response
        .writeHead(200, { "content-type": "text/html" })
        .end(`<html><title>t</title><nav>menu</nav><article><h1>Heading</h1>${article}</article></html>`);
    });
    await new Promise<void>((resolve) => site.listen(0, address, resolve));
    origin = `http://${address}:${(site.address() as { port: number }).port}`;
  });
  afterAll(() => site.close());

  test.each(["v1 over Streamable HTTP", "v2 over SSE"])("makes Markdown of a page, for %s", async (name) => {
    const client = await connect(name, "fetch");
    const { text, isError } = await callText(client, "fetch", { url: `${origin}/page` });
    await client.close();
    expect(isError).toBe(false);
    expect(text).toContain("Paragraph 3 has [a link](/3), and words enough for an article.");
    expect(text).not.toContain("menu");
  });
});

describe("a container", () => {
  test.each(catalogue.map(({ name, uid }) => [name, uid] as const))("%s is hardened", (server, uid) => {
    const { Config, HostConfig } = stack.inspect(server);
    expect(Config.User).toBe(`${uid}:${uid}`);
    expect(HostConfig).toMatchObject({
      ReadonlyRootfs: true,
      CapDrop: ["ALL"],
      CapAdd: null,
      SecurityOpt: ["no-new-privileges"],
      Privileged: false,
      Init: true,
      Memory: (server === "fetch" ? 2242 : 1516) * 1024 * 1024,
      MemorySwap: (server === "fetch" ? 2242 : 1516) * 1024 * 1024,
      Ulimits: [{ Name: "nproc", Soft: 560, Hard: 560 }],
      RestartPolicy: { Name: "unless-stopped" },
      LogConfig: {
        Type: "json-file",
        Config: { "max-size": "10m", "max-file": "3", labels: "com.mcp.type,com.mcp.tools,com.mcp.capability" },
      },
    });
    expect(Object.values(HostConfig.PortBindings).flat()).toEqual([
      { HostIp: "127.0.0.1", HostPort: String(server === "fetch" ? fetchPort : filesystemPort) },
    ]);
  });

  test("shares its network with no other", () => {
    const networksOf = (server: string) => Object.keys(stack.inspect(server).NetworkSettings.Networks);
    expect(networksOf("filesystem")).toEqual([`${stack.prefix}filesystem`]);
    expect(networksOf("fetch")).toEqual([`${stack.prefix}fetch`]);
  });

  test("asks for its token", async () => {
    const post = (authorization?: string) =>
      fetch(endpointOf("filesystem").http, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          accept: "application/json, text/event-stream",
          ...(authorization && { authorization }),
        },
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" }),
      });
    expect((await post()).status).toBe(401);
    expect((await post("Bearer wrong")).status).toBe(401);
    expect((await post(`Bearer ${tokenOf("fetch")}`)).status).toBe(401);
    // The right token gets further: to the session that the request lacks.
    expect((await post(`Bearer ${tokenOf("filesystem")}`)).status).toBe(400);
  });

  test("never holds its token: not in its settings, its image's history, its log, or the state", async () => {
    const state = await stack.state();
    for (const { name } of catalogue) {
      const token = tokenOf(name);
      expect(token).toMatch(/^[A-Za-z0-9]{48}$/);
      expect(docker("inspect", stack.container(name))).not.toContain(token);
      expect(docker("history", "--no-trunc", stack.inspect(name).Image)).not.toContain(token);
      expect(logsOf(stack.container(name))).toContain('"event":"listening"');
      expect(logsOf(stack.container(name))).not.toContain(token);
      expect(state).not.toContain(token);
    }
  });
});

describe("a server with as many sessions as it takes", () => {
  test("turns the next client away and stays well, within its memory", async () => {
    const { http, health } = endpointOf("filesystem");
    const headers = {
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      authorization: `Bearer ${tokenOf("filesystem")}`,
    };
    const post = (message: object, session?: string) =>
      fetch(http, {
        method: "POST",
        headers: { ...headers, ...(session && { "mcp-session-id": session }) },
        body: JSON.stringify({ jsonrpc: "2.0", ...message }),
      });
    const params = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "crowd", version: "1" } };
    const sessions: string[] = [];
    let turnedAway: Response | undefined;
    // Clients of the tests before may still hold some of the 32.
    while (!turnedAway && sessions.length <= 32) {
      const response = await post({ id: 1, method: "initialize", params });
      await response.text();
      const session = response.headers.get("mcp-session-id");
      if (session === null) turnedAway = response;
      else {
        sessions.push(session);
        await (await post({ method: "notifications/initialized" }, session)).text();
        expect(await (await post({ id: 2, method: "tools/list" }, session)).text()).toContain("read_text_file");
      }
    }
    expect(turnedAway?.status).toBe(503);
    expect(turnedAway?.headers.get("retry-after")).toMatch(/^\d+$/);
    expect((await fetch(health)).status).toBe(200);
    const [used] = docker("stats", "--no-stream", "--format", "{{.MemPerc}}", stack.container("filesystem")).split("%");
    expect(Number(used)).toBeLessThan(95);
    for (const session of sessions)
      await fetch(http, { method: "DELETE", headers: { ...headers, "mcp-session-id": session } });
    expect(stack.inspect("filesystem").State).toMatchObject({ OOMKilled: false, Running: true });
    expect(stack.inspect("filesystem").RestartCount).toBe(0);
  });
});

/** Steps that replace or update, by name; a replacement is several steps of one resource. */
const changes = async (...args: string[]) =>
  [...new Set((await stack.preview(...args)).map(({ name }) => name))].sort();

describe("a change", () => {
  test("is not shown right after an up", async () => {
    expect(await stack.preview()).toEqual([]);
    expect(await stack.preview("--refresh")).toEqual([]);
  });

  test("of a file that no build reads is not shown", async () => {
    writeFileSync(join(stack.folder, "notes.md"), "unrelated");
    writeFileSync(join(stack.folder, "images", "filesystem", "README.md"), "not copied into the image");
    expect(await stack.preview()).toEqual([]);
  });

  test("of a file that a build reads is an image and a container, and reaches the engine", async () => {
    const image = stack.inspect("filesystem").Image;
    const other = stack.inspect("fetch").Id;
    appendFileSync(join(stack.folder, "images", "filesystem", "Dockerfile"), 'LABEL test="changed"\n');
    expect(await changes()).toEqual(["filesystem-container", "filesystem-image"]);
    await stack.up();
    expect(stack.inspect("filesystem").Image).not.toBe(image);
    expect(stack.inspect("fetch").Id).toBe(other);
    expect(docker("images", "--format", "{{.ID}}", `${stack.prefix}filesystem`).trim().split("\n")).toHaveLength(1);
    expect(await stack.preview()).toEqual([]);
  });

  test("of a health check reaches the running container", async () => {
    const intervalOf = (server: string) => stack.inspect(server).Config.Healthcheck.Interval / 1e9;
    expect(intervalOf("filesystem")).toBe(1);
    stack.configure({ ...config, healthInterval: 2 });
    expect(await changes()).toEqual(["fetch-container", "filesystem-container"]);
    await stack.up();
    expect([intervalOf("filesystem"), intervalOf("fetch")]).toEqual([2, 2]);
    expect(await stack.preview()).toEqual([]);
  });

  test("behind Pulumi's back is healed by an up that refreshes", async () => {
    const healthy = (server: string) => stack.inspect(server).State.Health.Status;
    docker("rm", "--force", stack.container("fetch"));
    await stack.up("--refresh");
    expect(healthy("fetch")).toBe("healthy");

    docker("rm", "--force", stack.container("filesystem"));
    docker("rmi", "--force", docker("images", "--quiet", `${stack.prefix}filesystem`).trim());
    await stack.up("--refresh");
    expect(healthy("filesystem")).toBe("healthy");
    expect(await stack.preview("--refresh")).toEqual([]);
  });

  test("that makes no sense is refused with every problem, and changes nothing", async () => {
    const ids = () => catalogue.map(({ name }) => stack.inspect(name).Id);
    const untouched = ids();
    stack.configure({ prefx: "mcp-", servers: { ...config.servers, fetch: { port: 70000 } } });
    const { code, output } = await stack.pulumi("up", "--stack", "test", "--yes", "--skip-preview");
    expect(code).not.toBe(0);
    expect(output).toContain("the configuration of this stack has 2 problems; nothing was changed:");
    expect(output).toContain(
      "  1. mcp:servers.fetch.port is 70000; allowed: a whole number from 1 to 65535; pick one of these",
    );
    expect(output).toContain("  2. mcp:prefx is not a key;");
    expect(ids()).toEqual(untouched);
    stack.configure({ ...config, healthInterval: 2 });
  });
});

describe("down", () => {
  // Somebody else's things, of each kind, with names that look much like ours.
  const other = stack.prefix.replace(/-$/, "x-other");
  const base = JSON.parse(process.env.MCP_BASE_IMAGES ?? "{}").debian ?? defaultBaseImages.debian;
  beforeAll(() => {
    docker("network", "create", other);
    docker("volume", "create", other);
    docker("tag", base, `${other}:1`);
    docker("create", "--name", other, "--network", other, "--volume", `${other}:/data`, `${other}:1`, "true");
  });
  afterAll(() => {
    docker("rm", "--force", other);
    docker("rmi", `${other}:1`);
    docker("volume", "rm", other);
    docker("network", "rm", other);
  });

  test("leaves nothing of the stack and touches nothing else", async () => {
    const images = catalogue.map(({ name }) => stack.inspect(name).Image);
    await stack.down();
    expect(thingsNamed(stack.prefix)).toEqual([]);
    // Another stack of the same contents may still hold an image by its own name; none may be left without a name.
    const nameless = docker("images", "--filter", "dangling=true", "--quiet", "--no-trunc");
    for (const image of images) expect(nameless).not.toContain(image);
    expect(thingsNamed(other)).toEqual([other, other, other, `${other}:1`]);
  });
});
