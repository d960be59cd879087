import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ContainerInspectInfo, NetworkInspectInfo } from "dockerode";
import { afterAll, describe, expect, test } from "vitest";
import { BuildLog, buildFailure } from "../../airgap/providers/docker/build.ts";
import { connectOptions, engineAddress, explain } from "../../airgap/providers/docker/client.ts";
import { demultiplex } from "../../airgap/providers/docker/container.ts";
import { goDuration, observe } from "../../airgap/providers/docker/container-from-engine.ts";
import {
  attachments,
  conflicts,
  createOptions,
  nanoseconds,
  updateOptions,
  uploads,
} from "../../airgap/providers/docker/container-to-engine.ts";
import { contextDigest, contextFiles, goMode } from "../../airgap/providers/docker/context.ts";
import * as network from "../../airgap/providers/docker/network.ts";
import { withTag } from "../../airgap/providers/docker/pull.ts";
import { buildRequest, remoteImage } from "../../airgap/providers/docker/remote-image.ts";
import { check, diff, type ResourceType } from "../../airgap/providers/docker/resource.ts";
import { container, volume } from "../../airgap/providers/docker/tables.ts";

const MIB = 1024 * 1024;
const CONTAINER: ResourceType = "docker:index/container:Container";

describe("names", () => {
  const rules = { fields: container, autoNamed: true };
  const autoName = () => "web-0123abc";

  test("are made where none is given, and kept", () => {
    const first = check(CONTAINER, rules, { inputs: { image: "x" }, oldInputs: undefined, autoName });
    expect(first.inputs.name).toBe("web-0123abc");
    expect(first.inputs.__defaults).toEqual([
      "containerReadRefreshTimeoutMilliseconds",
      "mustRun",
      "name",
      "networkMode",
      "removeVolumes",
      "restart",
      "start",
      "waitTimeout",
    ]);
    const again = check(CONTAINER, rules, { inputs: { image: "y" }, oldInputs: first.inputs, autoName: () => "other" });
    expect(again.inputs.name).toBe("web-0123abc");
  });

  test("that are fixed are freed before a replacement takes them, others are not", () => {
    const replaced = (name: string, defaults: string[]) =>
      diff(CONTAINER, rules, { image: "a", name: "fixed" }, { image: "b", name, __defaults: defaults });
    expect(replaced("fixed", []).deleteBeforeReplace).toBe(true);
    expect(replaced("fixed", ["name"]).deleteBeforeReplace).toBe(false);
    expect(replaced("renamed", []).deleteBeforeReplace).toBe(false);
  });

  test("that a volume is given are required of nobody", () => {
    const rulesOfVolume = { fields: volume, autoNamed: true };
    const { inputs } = check("docker:index/volume:Volume", rulesOfVolume, {
      inputs: {},
      oldInputs: undefined,
      autoName,
    });
    expect(inputs).toEqual({ __defaults: ["name"], name: "web-0123abc" });
  });
});

describe("inputs of a container for the engine", () => {
  test("leave out what is not set", () => {
    expect(createOptions({ name: "n", image: "sha256:1", restart: "no", networkMode: "bridge" })).toEqual({
      name: "n",
      Image: "sha256:1",
      Tty: false,
      OpenStdin: false,
      Labels: {},
      HostConfig: {
        Privileged: false,
        PublishAllPorts: false,
        RestartPolicy: { Name: "no", MaximumRetryCount: 0 },
        AutoRemove: false,
        ReadonlyRootfs: false,
        LogConfig: { Type: "", Config: {} },
        NetworkMode: "bridge",
      },
    });
  });

  test("are in the engine's units and notation", () => {
    const options = createOptions({
      cpus: "0.25",
      memory: 128,
      memorySwap: -1,
      shmSize: 64,
      healthcheck: { tests: ["CMD", "true"], interval: "1m30s", timeout: "500ms", startPeriod: "0s", retries: 3 },
      ports: [
        { internal: 80, external: 8080, ip: "127.0.0.1", protocol: "tcp" },
        { internal: 53, protocol: "udp", ip: "0.0.0.0" },
      ],
      hosts: [{ host: "h", ip: "host-gateway" }],
      devices: [{ hostPath: "/dev/fuse" }],
      volumes: [{ volumeName: "v", containerPath: "/v", readOnly: true }, { containerPath: "/anonymous" }],
    });
    expect(options.HostConfig).toMatchObject({
      NanoCpus: 250_000_000,
      Memory: 128 * MIB,
      MemorySwap: -1,
      ShmSize: 64 * MIB,
      PortBindings: {
        "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "8080" }],
        "53/udp": [{ HostIp: "0.0.0.0", HostPort: "" }],
      },
      ExtraHosts: ["h:host-gateway"],
      Devices: [{ PathOnHost: "/dev/fuse", PathInContainer: "/dev/fuse", CgroupPermissions: "rwm" }],
      Binds: ["v:/v:ro"],
    });
    expect(options.ExposedPorts).toEqual({ "80/tcp": {}, "53/udp": {} });
    expect(options.Volumes).toEqual({ "/v": {}, "/anonymous": {} });
    expect(options.Healthcheck).toEqual({
      Test: ["CMD", "true"],
      Interval: 90e9,
      Timeout: 5e8,
      StartPeriod: 0,
      Retries: 3,
    });
  });

  test("keep of each kind of mount what belongs to it", () => {
    const mounts = createOptions({
      mounts: [
        { type: "bind", source: "/s", target: "/b", readOnly: true, bindOptions: { propagation: "rprivate" } },
        {
          type: "volume",
          source: "v",
          target: "/v",
          volumeOptions: { noCopy: true, labels: [{ label: "a", value: "b" }] },
        },
        { type: "tmpfs", target: "/t", tmpfsOptions: { sizeBytes: MIB, mode: 0o1777 } },
      ],
    }).HostConfig?.Mounts;
    expect(mounts).toEqual([
      { Type: "bind", Source: "/s", Target: "/b", ReadOnly: true, BindOptions: { Propagation: "rprivate" } },
      { Type: "volume", Source: "v", Target: "/v", VolumeOptions: { NoCopy: true, Labels: { a: "b" } } },
      { Type: "tmpfs", Target: "/t", TmpfsOptions: { SizeBytes: MIB, Mode: 0o1777 } },
    ]);
  });

  test("name networks with aliases and addresses", () => {
    expect(
      attachments({
        networksAdvanced: [
          { name: "n", aliases: ["a"], ipv4Address: "10.1.0.5", driverOpts: ["k=v=w"] },
          { name: "m" },
        ],
      }),
    ).toEqual([
      {
        network: "n",
        endpoint: { Aliases: ["a"], DriverOpts: { k: "v=w" }, IPAMConfig: { IPv4Address: "10.1.0.5" } },
      },
      { network: "m", endpoint: { IPAMConfig: {} } },
    ]);
  });

  test("update a living container with what it can take on", () => {
    expect(updateOptions({ restart: "always", memory: 256, memorySwap: 256, cpuShares: 512, image: "x" })).toEqual({
      RestartPolicy: { Name: "always", MaximumRetryCount: 0 },
      CpuShares: 512,
      Memory: 256 * MIB,
      MemorySwap: 256 * MIB,
    });
  });

  test("say of uploads path, mode and one content each", () => {
    expect(
      uploads({
        uploads: [
          { file: "/a", content: "x" },
          { file: "/b", contentBase64: "eA==", executable: true },
          { file: "/c", source: "s", permissions: "0400", executable: true },
        ],
      }),
    ).toEqual([
      { path: "a", mode: 0o644, content: { text: "x" } },
      { path: "b", mode: 0o744, content: { base64: "eA==" } },
      { path: "c", mode: 0o400, content: { source: "s" } },
    ]);
    expect(() => uploads({ uploads: [{ file: "/a", content: "x", source: "y" }] })).toThrow(
      'upload "/a": exactly one of `content`, `contentBase64` and `source` must be set, content and source is',
    );
  });

  test("that cannot be together are named", () => {
    expect(
      conflicts({ command: ["sh", ""], logs: true, volumes: [{ containerPath: "/a", fromContainer: "b" }] }),
    ).toEqual([
      { property: "command", reason: "must not hold an empty text" },
      { property: "logs", reason: "needs `attach: true`" },
      { property: "volumes[0]", reason: "must name either `fromContainer` or `containerPath`" },
    ]);
  });
});

describe("what the engine says of a container", () => {
  const found = {
    Name: "/n",
    Image: "sha256:1",
    Platform: "linux",
    State: { Running: false, ExitCode: 3 },
    Config: {
      Hostname: "h",
      Cmd: ["sleep"],
      Entrypoint: null,
      User: "",
      WorkingDir: "/w",
      Tty: false,
      OpenStdin: false,
    },
    HostConfig: {
      Memory: 128 * MIB,
      MemorySwap: -1,
      ExtraHosts: ["db:fd00::1"],
      CapDrop: ["ALL"],
      RestartPolicy: { Name: "always", MaximumRetryCount: 0 },
      LogConfig: { Type: "json-file", Config: {} },
    },
    NetworkSettings: { Bridge: "", Ports: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "8080" }], "81/tcp": null } },
  } as unknown as ContainerInspectInfo;

  test("becomes state", () => {
    expect(observe(found, { mustRun: true })).toMatchObject({
      name: "n",
      image: "sha256:1",
      exitCode: 3,
      mustRun: false,
      memory: 128,
      memorySwap: -1,
      hosts: [{ host: "db", ip: "fd00::1" }],
      capabilities: { adds: [], drops: ["ALL"] },
      logOpts: null,
      ports: [{ external: 8080, internal: 80, ip: "127.0.0.1", protocol: "tcp" }],
    });
  });

  test("is no drift when the container was meant to end", () => {
    expect(observe(found, { mustRun: false })).not.toHaveProperty("mustRun");
  });
});

test.each([
  ["0s", 0],
  ["500ms", 5e8],
  ["1s", 1e9],
  ["1m30s", 90e9],
  ["1h0m0s", 3600e9],
])("%s is %i ns, and back", (duration, value) => {
  expect(nanoseconds(duration)).toBe(value);
  expect(goDuration(value)).toBe(duration);
});

test("output of both streams is put together", () => {
  const frame = (stream: number, text: string) => {
    const header = Buffer.alloc(8);
    header[0] = stream;
    header.writeUInt32BE(Buffer.byteLength(text), 4);
    return Buffer.concat([header, Buffer.from(text)]);
  };
  expect(demultiplex(Buffer.concat([frame(1, "out\n"), frame(2, "ärr\n")]))).toBe("out\närr\n");
});

describe("network", () => {
  test("inputs are asked of the engine", () => {
    const options = network.createOptions({
      name: "n",
      internal: true,
      labels: [{ label: "a", value: "b" }],
      ipamConfigs: [{ subnet: "10.9.0.0/24" }],
    });
    expect(options).toMatchObject({
      Name: "n",
      Internal: true,
      Labels: { a: "b" },
      IPAM: { Driver: "default", Config: [{ Subnet: "10.9.0.0/24" }] },
    });
  });

  test("answers of the engine are recorded", () => {
    const found = {
      Name: "n",
      Id: "1",
      Driver: "bridge",
      Scope: "local",
      Internal: true,
      Attachable: false,
      Ingress: false,
      EnableIPv6: false,
      IPAM: { Driver: "default", Config: [{ Subnet: "10.9.0.0/24" }] },
      Options: null,
      Labels: { a: "b" },
    } as unknown as NetworkInspectInfo;
    expect(network.observe(found)).toEqual({
      attachable: false,
      driver: "bridge",
      ingress: false,
      internal: true,
      ipamConfigs: [{ auxAddress: {}, gateway: "", ipRange: "", subnet: "10.9.0.0/24" }],
      ipamDriver: "default",
      ipv6: false,
      labels: [{ label: "a", value: "b" }],
      name: "n",
      options: {},
      scope: "local",
    });
  });
});

describe("engine", () => {
  test("is the configured one, then DOCKER_HOST's, then the default", () => {
    expect(engineAddress({ host: "tcp://a:1" }, { DOCKER_HOST: "tcp://b:2" })).toBe("tcp://a:1");
    expect(engineAddress({}, { DOCKER_HOST: "tcp://b:2" })).toBe("tcp://b:2");
    expect(engineAddress({}, {})).toBe("unix:///var/run/docker.sock");
  });

  test("is reached by socket or TCP, and nothing else", () => {
    expect(connectOptions("unix:///run/d.sock")).toEqual({ socketPath: "/run/d.sock" });
    expect(connectOptions("tcp://127.0.0.1:2375")).toEqual({ host: "127.0.0.1", port: 2375, protocol: "http" });
    expect(() => connectOptions("ssh://u@h")).toThrow('"ssh://u@h" (docker:host or DOCKER_HOST) is not supported');
  });

  test("speaks for itself in errors, or its address does", () => {
    expect(
      explain(Object.assign(new Error("(HTTP code 409) x"), { statusCode: 409, json: { message: "in use" } })).message,
    ).toBe("in use");
    expect(explain(Object.assign(new Error("connect ENOENT /x"), { code: "ENOENT" })).message).toBe(
      "the Docker engine at unix:///var/run/docker.sock does not answer (connect ENOENT /x); start it " +
        "(e.g. `systemctl start docker`) or point docker:host or DOCKER_HOST at one that runs",
    );
  });
});

test("a name without a tag means one tag, not all", () => {
  expect(["debian", "reg:5000/a", "a:1", "a@sha256:0"].map(withTag)).toEqual([
    "debian:latest",
    "reg:5000/a:latest",
    "a:1",
    "a@sha256:0",
  ]);
});

describe("build", () => {
  test("block of a RemoteImage for the engine", () => {
    const request = buildRequest("n:1", {
      context: "c",
      dockerfile: "D",
      buildArgs: { A: "1" },
      labels: { l: "v" },
      target: "t",
      memory: 64,
    });
    expect(request).toEqual({
      name: "n:1",
      context: "c",
      dockerfile: "c/D",
      options: { buildargs: { A: "1" }, labels: { l: "v" }, target: "t", memory: 64 * MIB, rm: true },
    });
  });

  test("replaces the image by any part of the block but `label`", () => {
    const state = { name: "n", build: { context: "c", buildArgs: { A: "1" }, label: { l: "1" } } };
    const paths = (build: { [key: string]: string | { [key: string]: string } }) =>
      remoteImage
        .diff(state, { name: "n", build }, {})
        .differences.filter(({ kind }) => kind === "update")
        .map(({ path, replace }) => `${path} ${replace}`);
    expect(paths({ context: "c", buildArgs: { A: "2" }, label: { l: "1" } })).toEqual(["build.buildArgs.A true"]);
    expect(paths({ context: "c", buildArgs: { A: "1" }, label: { l: "2" } })).toEqual(["build.label.l false"]);
  });

  test("failure names the image, the step and what it printed", () => {
    const log = new BuildLog();
    log.add({ stream: "Step 1/2 : FROM x\n" });
    log.add({ stream: " ---> 0123\n" });
    log.add({ stream: "Step 2/2 : RUN make\n" });
    log.add({ stream: "no rule\n" });
    log.add({ error: "returned a non-zero code: 2" });
    expect(buildFailure("n:1", log)).toBe(
      "image n:1 could not be built: returned a non-zero code: 2\nin: Step 2/2 : RUN make\nno rule",
    );
  });
});

describe("build context", () => {
  const folder = mkdtempSync(join(tmpdir(), "mcp-context-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test("has the digest of the official provider", async () => {
    const context = join(folder, "golden");
    cpSync(join(import.meta.dirname, "../integration/golden/ctx"), context, { recursive: true });
    for (const name of ["Dockerfile", "a.txt", ".dockerignore"]) chmodSync(join(context, name), 0o644);
    const recorded = "f616c2730ae8bb4e512557b828b68de696256381df19a85ff339ce300e8fb1c8";
    expect(await contextDigest(context, join(context, "Dockerfile"))).toBe(recorded);
    writeFileSync(join(context, "ignored.txt"), "not looked at");
    expect(await contextDigest(context, join(context, "Dockerfile"))).toBe(recorded);
    chmodSync(join(context, "a.txt"), 0o755);
    expect(await contextDigest(context, join(context, "Dockerfile"))).not.toBe(recorded);
  });

  test("honours .dockerignore with its exceptions, and the Dockerfile's own before it", async () => {
    const context = join(folder, "ignoring");
    mkdirSync(join(context, "docs"), { recursive: true });
    for (const name of ["Dockerfile", "docs/a.md", "docs/keep.md", "b.log"]) writeFileSync(join(context, name), name);
    writeFileSync(join(context, ".dockerignore"), "docs\n!docs/keep.md\n*.log\n");
    const paths = async () => (await contextFiles(context, join(context, "Dockerfile"))).map(({ path }) => path);
    expect(await paths()).toEqual([".dockerignore", "Dockerfile", "docs/keep.md"]);
    writeFileSync(join(context, "Dockerfile.dockerignore"), "docs\n");
    expect(await paths()).toEqual([".dockerignore", "Dockerfile", "Dockerfile.dockerignore", "b.log"]);
  });

  test("names a link that leads nowhere", async () => {
    const context = join(folder, "broken");
    mkdirSync(context);
    writeFileSync(join(context, "Dockerfile"), "FROM x\n");
    symlinkSync("nowhere", join(context, "link"));
    await expect(contextDigest(context, join(context, "Dockerfile"))).rejects.toThrow(
      `the build context ${context} holds link, a link that leads nowhere`,
    );
  });

  test.each([
    [0o644, false, "-rw-r--r--"],
    [0o755, false, "-rwxr-xr-x"],
    [0o777, true, "Lrwxrwxrwx"],
    [0o4755, false, "urwxr-xr-x"],
  ])("mode %o is written as Go writes it", (mode, link, text) => {
    expect(goMode({ mode, isSymbolicLink: () => link })).toBe(text);
  });
});
