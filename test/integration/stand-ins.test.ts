import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { baseImage, docker, dockerQuietly, StandInStack } from "./stand-in-stack.ts";

// What the golden program does not show: what goes wrong, what others change, and what is refused.
const base = baseImage();
const sleeper = `image: docker.getRemoteImageOutput({ name: ${JSON.stringify(base)} }).id, command: ["sleep", "1000"], destroyGraceSeconds: 1`;

async function stackOf(program: string): Promise<StandInStack> {
  const stack = new StandInStack(program);
  await stack.init();
  return stack;
}

describe("language host", () => {
  test("shows what the program prints, and gives it its configuration", async () => {
    await using stack = await stackOf(`
      const config = new pulumi.Config();
      console.log("printed", pulumi.getProject(), pulumi.getStack(), pulumi.getOrganization(), pulumi.runtime.isDryRun());
      export const plain = config.require("plain");
      export const hidden = config.requireSecret("hidden");`);
    await stack.must(["config", "set", "plain", "seen"]);
    await stack.must(["config", "set", "--secret", "hidden", "unseen-value"]);
    const output = await stack.up();
    expect(output).toContain("printed standin test organization false");
    expect(output).not.toContain("unseen-value");
    expect(JSON.parse(await stack.must(["stack", "output", "--json"]))).toEqual({ plain: "seen", hidden: "[secret]" });
    expect(await stack.outputs()).toEqual({ plain: "seen", hidden: "unseen-value" });
  });

  test("shows an uncaught error with its message and stack, and nothing else is done", async () => {
    await using stack = await stackOf(`
      new random.RandomId("before", { byteLength: 4 });
      await Promise.resolve();
      function deepInside() { throw new Error("the program is wrong"); }
      deepInside();`);
    const { code, output } = await stack.tryUp();
    expect(code).not.toBe(0);
    expect(output).toContain("Error: the program is wrong");
    expect(output).toMatch(/at deepInside \(.*index\.mjs:\d+:\d+\)/);
    expect(output).not.toContain("Program exited with");
  });

  test("says what is missing where the program's packages are not installed", async () => {
    await using stack = await stackOf("");
    rmSync(join(stack.folder, "node_modules"));
    const { code, output } = await stack.tryUp();
    expect(code).not.toBe(0);
    expect(output).toContain("has no @pulumi/pulumi installed; run `npm install` there first");
  });

  test("tells `pulumi about` its Node and the program's packages", async () => {
    await using stack = await stackOf("");
    const about = JSON.parse(await stack.must(["about", "--json"]));
    expect(about.runtime).toMatchObject({ language: "nodejs", executable: process.execPath, version: process.version });
  });
});

describe("refused by name", () => {
  const stack = new StandInStack("");
  beforeAll(() => stack.init());
  afterAll(() => stack[Symbol.asyncDispose]());

  const refusal = async (program: string, config?: [key: string, value: string]) => {
    stack.program(program);
    if (config) await stack.must(["config", "set", ...config]);
    const { code, output } = await stack.pulumi(["preview", "--stack", "test"]);
    if (config) await stack.must(["config", "rm", config[0]]);
    expect(code).not.toBe(0);
    return output;
  };

  test("unknown, unsupported, missing and malformed inputs, all of a resource at once", async () => {
    const output = await refusal(`
      new docker.Container("bad", { image: "x", gpus: "all", restart: "sometimes", memory: "much",
        mounts: [{ target: "/x", type: "bind", consistency: "cached" }], healthcheck: { interval: "1s" } });`);
    expect(output).toContain("`gpus` is not supported by the stand-in provider");
    expect(output).toContain("`restart` must match ^(no|on-failure|always|unless-stopped)$");
    expect(output).toContain("`memory` must be a number, not a string");
    expect(output).toContain("`mounts[0].consistency` is not an input of this resource");
    expect(output).toContain("`healthcheck.tests` is required and missing");
  });

  test("resources", async () => {
    expect(await refusal(`new docker.ServiceConfig("config", { dataRaw: "x" });`)).toContain(
      "resource type docker:index/serviceConfig:ServiceConfig is not supported by the stand-in for the docker provider",
    );
  });

  test("functions", async () => {
    expect(await refusal(`await docker.getRegistryImage({ name: "x" });`)).toContain(
      "function docker:index/getRegistryImage:getRegistryImage is not supported by the stand-in for the docker provider",
    );
  });

  test("provider configuration", async () => {
    const output = await refusal(`new docker.Network("n");`, ["docker:certPath", "/certificates"]);
    expect(output).toContain("`certPath` is not supported by the stand-in for the docker provider");
  });

  test("an image that would be pushed", async () => {
    expect(
      await refusal(
        `new docker.Image("image", { imageName: "x:dev", build: { context: "home", dockerfile: "index.mjs" } });`,
      ),
    ).toContain("`skipPush` must be true");
  });

  test("an engine that does not answer, with its address and what to do", async () => {
    const socket = "unix:///nowhere/docker.sock";
    const output = await refusal(`new docker.Network("n");`, ["docker:host", socket]);
    expect(output).toContain(`the Docker engine at ${socket} does not answer`);
    expect(output).toContain("point docker:host or DOCKER_HOST at one that runs");
  });

  test("a random text that cannot be", async () => {
    expect(await refusal(`new random.RandomPassword("p", { length: 3, minLower: 4 });`)).toContain(
      "`length` must be at least 4",
    );
  });
});

describe("a stack that others change", () => {
  const name = "standin-drift";
  const stack = new StandInStack(`
    const network = new docker.Network("network", { name: "${name}" });
    const volume = new docker.Volume("volume", { name: "${name}" });
    const image = new docker.RemoteImage("image", { name: "${name}:dev", build: { context: "ctx" }, forceRemove: true });
    export const container = new docker.Container("container", { name: "${name}", image: image.imageId,
      command: ["sleep", "1000"], networksAdvanced: [{ name: network.name }], destroyGraceSeconds: 1,
      mounts: [{ type: "volume", source: volume.name, target: "/data" }] }).id;`);

  const clear = () => {
    dockerQuietly("rm", "--force", name);
    dockerQuietly("network", "rm", name);
    dockerQuietly("volume", "rm", name);
    dockerQuietly("rmi", "--force", `${name}:dev`);
  };
  const steps = async () => (await stack.preview()).map((step) => `${step.op} ${step.name}`).toSorted();

  beforeAll(async () => {
    clear();
    mkdirSync(join(stack.folder, "ctx"));
    writeFileSync(join(stack.folder, "ctx", "Dockerfile"), `FROM ${base}\nRUN echo built > /built\n`);
    await stack.init();
  });
  afterAll(async () => {
    await stack[Symbol.asyncDispose]();
    clear();
  });

  test("previews an image that is not built yet, and what depends on it", async () => {
    expect(await steps()).toEqual(["create container", "create image", "create network", "create volume"]);
    expect(docker("images", "--quiet", `${name}:dev`)).toBe("");
    const text = await stack.must(["preview", "--stack", "test", "--diff"]);
    expect(text).toMatch(/image +: \[unknown\]/);
  });

  test("comes up, and shows no change then", async () => {
    await stack.up();
    expect(await steps()).toEqual([]);
  });

  test("sees in a refresh, not in a plain preview, what was removed, and makes it again", async () => {
    clear();
    expect(await steps()).toEqual([]);
    await stack.refresh();
    expect(await steps()).toEqual(["create container", "create image", "create network", "create volume"]);
    await stack.up();
    expect(docker("inspect", "--format", "{{.State.Running}}", name)).toBe("true");
    expect(await steps()).toEqual([]);
  });

  test("is destroyed completely, also when parts of it are gone already", async () => {
    dockerQuietly("rm", "--force", name);
    await stack.destroy();
    expect(docker("network", "ls", "--quiet", "--filter", `name=${name}`)).toBe("");
    expect(docker("volume", "ls", "--quiet", "--filter", `name=${name}`)).toBe("");
    expect(docker("images", "--quiet", `${name}:dev`)).toBe("");
  });
});

describe("import", () => {
  const name = "standin-import";
  const clear = () => {
    dockerQuietly("rm", "--force", name);
    dockerQuietly("network", "rm", name);
  };
  afterAll(clear);

  test("takes over a network and a container as they are", async () => {
    clear();
    const network = docker("network", "create", "--internal", "--label", "a=b", name);
    const container = docker(
      "run",
      "--detach",
      "--name",
      name,
      "--network",
      "bridge",
      "--env",
      "A=1",
      base,
      "sleep",
      "1000",
    );
    const image = docker("inspect", "--format", "{{.Image}}", name);
    await using stack = await stackOf(`
      new docker.Network("network", { name: "${name}", internal: true, labels: [{ label: "a", value: "b" }] },
        { import: "${network}" });
      new docker.Container("container", { name: "${name}", image: "${image}", command: ["sleep", "1000"] },
        { import: "${container}" });`);
    await stack.up();
    const ids = Object.fromEntries((await stack.state()).map(({ urn, id }) => [urn.split("::").at(-1), id]));
    expect(ids).toEqual({ network, container });
    expect(docker("inspect", "--format", "{{.Id}}", name)).toBe(container);
    expect(await stack.preview()).toEqual([]);
  });

  test("says when there is nothing of that id", async () => {
    await using stack = await stackOf(`new docker.Network("network", { name: "x" }, { import: "no-such-network" });`);
    const { code, output } = await stack.tryUp();
    expect(code).not.toBe(0);
    expect(output).toContain("resource 'no-such-network' does not exist");
  });
});

describe("failures", () => {
  const name = "standin-failure";
  const clear = () => {
    dockerQuietly("rm", "--force", name);
    dockerQuietly("rmi", "--force", `${name}:dev`);
  };
  beforeAll(clear);
  afterAll(clear);

  test("a build that fails names the image, the step and what it printed", async () => {
    await using stack = await stackOf(
      `new docker.RemoteImage("image", { name: "${name}:dev", build: { context: "ctx" } });`,
    );
    mkdirSync(join(stack.folder, "ctx"));
    writeFileSync(
      join(stack.folder, "ctx", "Dockerfile"),
      `FROM ${base}\nLABEL mcp.test=${name}\nRUN echo earlier-step\nRUN echo what went wrong >&2; exit 3\n`,
    );
    const { code, output } = await stack.tryUp();
    // The builder keeps the steps that went well, for a next try.
    dockerQuietly("image", "prune", "--force", "--filter", `label=mcp.test=${name}`);
    expect(code).not.toBe(0);
    expect(output).toContain(`image ${name}:dev could not be built: The command`);
    expect(output).toContain("returned a non-zero code: 3");
    expect(output).toContain("in: Step 4/4 : RUN echo what went wrong >&2; exit 3");
    expect(output).toMatch(/^ *what went wrong$/m);
  });

  test("a container that does not become healthy says why, stays, and is repaired by the next up", async () => {
    const program = (test: string) => `
      new docker.Container("container", { name: "${name}", ${sleeper}, command: ["sh", "-c", "echo last words; sleep 1000"],
        healthcheck: { tests: ["CMD-SHELL", ${JSON.stringify(test)}], interval: "1s", timeout: "1s", retries: 1 },
        wait: true, waitTimeout: 4 }, { replaceOnChanges: ["healthcheck"], deleteBeforeReplace: true });`;
    await using stack = await stackOf(program("echo probe says no; false"));
    const { code, output } = await stack.tryUp();
    expect(code).not.toBe(0);
    expect(output).toContain(
      `container ${name} did not become healthy within 4 s: state running, health unhealthy, exit code 0`,
    );
    expect(output).toContain("last health check: exit code 1: probe says no");
    expect(output).toContain("last words");
    expect(docker("inspect", "--format", "{{.State.Health.Status}}", name)).toBe("unhealthy");
    stack.program(program("true"));
    await stack.up();
    expect(docker("inspect", "--format", "{{.State.Health.Status}}", name)).toBe("healthy");
  });

  test("a container that ends at once is not left behind, and its output is shown", async () => {
    await using stack = await stackOf(
      `new docker.Container("container", { name: "${name}", ${sleeper}, command: ["sh", "-c", "echo no license; exit 7"] });`,
    );
    const { code, output } = await stack.tryUp();
    expect(code).not.toBe(0);
    expect(output).toContain(`container ${name} exited immediately with code 7`);
    expect(output).toContain("no license");
    expect(docker("ps", "--all", "--quiet", "--filter", `name=${name}`)).toBe("");
  });
});

test("a hardened container gets everything it was given", async () => {
  const name = "standin-hardened";
  dockerQuietly("rm", "--force", name, `${name}-files`);
  await using stack = await stackOf(`
    new docker.Container("container", { name: "${name}", ${sleeper}, envs: ["B=2", "A=1"], user: "1000:1000",
      workingDir: "/tmp", hostname: "hardened", readOnly: true, init: true, privileged: false,
      capabilities: { drops: ["ALL"], adds: ["CAP_NET_BIND_SERVICE"] }, securityOpts: ["no-new-privileges"],
      tmpfs: { "/run": "size=1m" }, groupAdds: ["2000"], dns: ["127.0.0.1"], dnsOpts: ["ndots:1"], dnsSearches: ["lan"],
      sysctls: { "net.ipv4.ip_unprivileged_port_start": "0" }, ulimits: [{ name: "nofile", soft: 64, hard: 128 }],
      memory: 64, memorySwap: 64, memoryReservation: 32, cpuShares: 512, shmSize: 32, stopSignal: "SIGINT",
      hosts: [{ host: "db", ip: "10.0.0.1" }], logOpts: { "max-size": "1m" }, logDriver: "json-file" });
    new docker.Container("uploaded", { name: "${name}-files", ${sleeper},
      uploads: [{ file: "/home/secret", content: pulumi.secret("top"), permissions: "0400" },
        { file: "/home/tool", contentBase64: "IyEvYmluL3NoCg==", executable: true }] });`);
  await stack.up();
  const [found] = JSON.parse(docker("inspect", name));
  expect(found.HostConfig).toMatchObject({
    ReadonlyRootfs: true,
    Init: true,
    CapDrop: ["ALL"],
    CapAdd: ["CAP_NET_BIND_SERVICE"],
    SecurityOpt: ["no-new-privileges"],
    Tmpfs: { "/run": "size=1m" },
    GroupAdd: ["2000"],
    Dns: ["127.0.0.1"],
    DnsOptions: ["ndots:1"],
    DnsSearch: ["lan"],
    Sysctls: { "net.ipv4.ip_unprivileged_port_start": "0" },
    Ulimits: [{ Name: "nofile", Soft: 64, Hard: 128 }],
    Memory: 64 << 20,
    MemorySwap: 64 << 20,
    MemoryReservation: 32 << 20,
    CpuShares: 512,
    ShmSize: 32 << 20,
    ExtraHosts: ["db:10.0.0.1"],
    LogConfig: { Type: "json-file", Config: { "max-size": "1m" } },
  });
  expect(found.Config).toMatchObject({
    User: "1000:1000",
    WorkingDir: "/tmp",
    Hostname: "hardened",
    StopSignal: "SIGINT",
  });
  const listing = docker("exec", `${name}-files`, "stat", "--format", "%a %U %n", "/home/secret", "/home/tool");
  expect(listing).toBe("400 root /home/secret\n744 root /home/tool");
  expect(await stack.preview()).toEqual([]);
  await stack.refresh();
  expect(await stack.preview()).toEqual([]);
});
