import { chmodSync, cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { baseImage, docker, dockerQuietly, StandInStack, type Step } from "./stand-in-stack.ts";

/**
 * One program, recorded with the official plugins (`golden/README.md`), run with the stand-ins: state, the engine's
 * view and every preview have to be the same, but for ids, addresses, times and random values, and the digest of the
 * build context, whose Dockerfile names another base image here (that digest has a unit test of its own).
 */
const recorded = join(import.meta.dirname, "golden");
const golden = <T>(file: string): T => JSON.parse(readFileSync(join(recorded, file), "utf8")) as T;
const changes = golden<Record<string, Step[]>>("diffs.json");
const containers = ["golden-full", "golden-full2", "golden-uploaded", "golden-once"];

const stack = new StandInStack();
const contextFile = (name: string) => join(stack.folder, "ctx", name);

function cleanUp(): void {
  for (const name of containers) dockerQuietly("rm", "--force", "--volumes", name);
  for (const name of ["golden-front", "golden-back"]) dockerQuietly("network", "rm", name);
  dockerQuietly("volume", "rm", "--force", "golden-data");
  for (const name of ["golden/image:dev", "golden/built:dev"]) dockerQuietly("rmi", "--force", name);
}

beforeAll(async () => {
  cleanUp();
  cpSync(recorded, stack.folder, { recursive: true });
  const dockerfile = readFileSync(contextFile("Dockerfile"), "utf8");
  writeFileSync(contextFile("Dockerfile"), dockerfile.replace("debian:bookworm-slim", baseImage()));
  // Loading a compiler for each of the many runs would only make the test slow.
  const project = readFileSync(join(stack.folder, "Pulumi.yaml"), "utf8");
  writeFileSync(
    join(stack.folder, "Pulumi.yaml"),
    project.replace("runtime: nodejs", "runtime: { name: nodejs, options: { typescript: false } }"),
  );
  for (const name of ["Dockerfile", "a.txt", ".dockerignore"]) chmodSync(contextFile(name), 0o644);
  await stack.init();
  await stack.up();
});

afterAll(async () => {
  await stack[Symbol.asyncDispose]();
  cleanUp();
});

const RANDOM = new Set(["b64Std", "b64Url", "dec", "hex"]);
const SECRET = "4dabf18193072939515e22adb298388d";

/** Ids, addresses and random values by what they are; secrets as the recording masks them. */
function masked(value: unknown, key = ""): unknown {
  if (Array.isArray(value)) return value.map((one) => masked(one));
  if (typeof value === "object" && value !== null) {
    if (SECRET in value) return "<secret>";
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, masked(inner, name)]));
  }
  if (key === "ipPrefixLength" && value !== 0) return "<address>";
  if (typeof value !== "string") return value;
  if (RANDOM.has(key)) return "<random>";
  if (key === "contextDigest") return "<digest>";
  return value
    .replace(/^minimal-[0-9a-f]{7}$/, "minimal-<random>")
    .replace(/\b(sha256:)?[0-9a-f]{64}/g, "<id>")
    .replace(/^[0-9a-f]{12}$/, "<id>")
    .replace(/^(172|192|10)\.\d+\.\d+\.\d+(\/\d+)?$/, "<address>")
    .replace(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/, "<address>");
}

describe("state", () => {
  interface Recorded {
    name: string;
    type: string;
    id: string;
    inputs: unknown;
    outputs: unknown;
    additionalSecretOutputs: string[] | null;
  }
  const resources = golden<Recorded[]>("state.json");

  test.each(resources.map((resource) => ({ resource })))("of $resource.name is as recorded", async ({ resource }) => {
    const found = (await stack.state()).find(({ urn }) => urn.endsWith(`::${resource.name}`));
    const isRandomId = resource.type.endsWith(":RandomId");
    const idOf = (of: { id: string; outputs: unknown }) => ({
      id: isRandomId ? "<random>" : masked(of.id),
      outputs: {
        ...(masked(of.outputs) as object),
        ...(isRandomId ? { id: "<random>" } : {}),
      },
    });
    expect(found && { type: found.type, inputs: masked(found.inputs), ...idOf(found) }).toEqual({
      type: resource.type,
      inputs: masked(resource.inputs),
      ...idOf(resource),
    });
    expect(found?.additionalSecretOutputs ?? null).toEqual(resource.additionalSecretOutputs);
  });

  test("holds no secret in plain", async () => {
    const resource = (await stack.state("--show-secrets")).find(({ type }) => type.endsWith("RandomPassword"));
    const result = resource?.outputs.result as { plaintext: string } | undefined;
    const password = JSON.parse(result?.plaintext ?? '""') as string;
    expect(password).toMatch(/^[A-Za-z0-9]{24}$/);
    expect(JSON.stringify(await stack.state())).not.toContain(password);
    expect(docker("inspect", "--format", "{{json .Config.Labels}}", "golden-uploaded")).not.toContain(password);
  });
});

describe("preview", () => {
  const sorted = (steps: Step[]) =>
    steps
      .map((step) => ({
        ...step,
        replaceReasons: step.replaceReasons?.toSorted() ?? null,
        diffReasons: step.diffReasons?.toSorted() ?? null,
      }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1));

  const byVariable = Object.keys(changes).filter((name) => !/File$|^afterDrift$/.test(name));
  test.each(byVariable)("of V=%s is as recorded", async (name) => {
    expect(sorted(await stack.preview({ V: name }))).toEqual(sorted(changes[name] ?? []));
  });

  test("shows a changed file of the context", async () => {
    writeFileSync(contextFile("a.txt"), "b\n");
    expect(sorted(await stack.preview())).toEqual(sorted(changes.contextFile ?? []));
    writeFileSync(contextFile("a.txt"), "a\n");
  });

  test("does not show a file that .dockerignore excludes", async () => {
    writeFileSync(contextFile("ignored.txt"), "anything\n");
    expect(await stack.preview()).toEqual(changes.ignoredFile);
    rmSync(contextFile("ignored.txt"));
  });
});

describe("engine", () => {
  interface Inspected {
    Config: Record<string, unknown>;
    HostConfig: Record<string, unknown>;
    Networks: Record<string, { Aliases: string[] | null }>;
  }
  const views = golden<Record<string, Inspected>>("inspect.json");
  // What the engine, not the provider, decides: it differs between engines and cgroup versions.
  const engineOwn = ["CgroupnsMode", "ConsoleSize", "MaskedPaths", "ReadonlyPaths", "Runtime"];

  const isEmpty = (value: unknown) =>
    value === null || value === "" || value === 0 || value === false || (Array.isArray(value) && value.length === 0);
  const picked = (values: Record<string, unknown>) =>
    Object.fromEntries(
      Object.entries(values)
        .filter(([name, value]) => !isEmpty(value) && !engineOwn.includes(name))
        // Mounts come in no order that means anything.
        .map(([name, value]) => [name, name === "Mounts" ? (value as { Target: string }[]).toSorted(byTarget) : value]),
    );
  const byTarget = (a: { Target: string }, b: { Target: string }) => (a.Target < b.Target ? -1 : 1);
  /** Engines before 25 list the short id among the aliases. */
  const aliases = (networks: Inspected["Networks"]) =>
    Object.fromEntries(
      Object.entries(networks).map(([name, { Aliases }]) => [
        name,
        (Aliases ?? []).filter((alias) => !/^[0-9a-f]{12}$/.test(alias)),
      ]),
    );
  /** Without what the base image brings, which is another one than recorded. */
  const own = (config: Record<string, unknown>) => {
    const base = JSON.parse(docker("image", "inspect", baseImage()))[0].Config as {
      Env?: string[] | null;
      Labels?: Record<string, string> | null;
    };
    const labels = Object.entries(config.Labels as Record<string, string>);
    return {
      ...config,
      Env: (config.Env as string[])
        .filter((entry) => entry.startsWith("PATH=") || !base.Env?.includes(entry))
        .map((entry) => entry.replace(/^PW=.*/, "PW=<secret>")),
      Labels: Object.fromEntries(labels.filter(([name, value]) => base.Labels?.[name] !== value)),
    };
  };

  test("sees drift after a refresh, as recorded", async () => {
    docker("update", "--memory", "200m", "--memory-swap", "200m", "golden-full");
    docker("stop", "--time", "0", "golden-uploaded");
    await stack.refresh();
    const order = (steps: Step[]) => steps.toSorted((a, b) => (a.name < b.name ? -1 : 1));
    expect(order(await stack.preview())).toEqual(order(changes.afterDrift ?? []));
  });

  test.each(Object.keys(views))("has %s as recorded", (name) => {
    const view = views[name];
    if (!view) throw new Error(`nothing recorded of ${name}`);
    const [found] = JSON.parse(docker("inspect", name));
    const wanted = Object.keys(view.Config);
    const config = Object.fromEntries(Object.entries(found.Config as object).filter(([key]) => wanted.includes(key)));
    expect(picked(own(config))).toEqual(picked(own(view.Config)));
    expect(picked(found.HostConfig)).toEqual(picked(view.HostConfig));
    expect(aliases(found.NetworkSettings.Networks)).toEqual(aliases(view.Networks));
  });

  test("is repaired by an update, in place", async () => {
    const idOf = () => docker("inspect", "--format", "{{.Id}}", "golden-full");
    const before = idOf();
    await stack.up();
    expect(idOf()).toBe(before);
    expect(docker("inspect", "--format", "{{.HostConfig.Memory}} {{.State.Running}}", "golden-full")).toBe(
      `${128 * 1024 * 1024} true`,
    );
    expect(docker("inspect", "--format", "{{.State.Running}}", "golden-uploaded")).toBe("true");
    expect(await stack.preview()).toEqual([]);
  });

  test("gets a changed restart policy on the living container", async () => {
    await stack.up({ V: "restart" });
    expect(docker("inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}", "golden-full")).toBe("always");
    expect(await stack.preview({ V: "restart" })).toEqual([]);
  });

  test("keeps the old health check though the update is recorded, as the official provider does", async () => {
    await stack.up({ V: "health" });
    expect(docker("inspect", "--format", "{{.Config.Healthcheck.Interval}}", "golden-full")).toBe("1s");
    expect(await stack.preview({ V: "health" })).toEqual([]);
  });

  test("gets a new container where a change replaces it", async () => {
    const before = docker("inspect", "--format", "{{.Id}}", "golden-full");
    await stack.up({ V: "alias" });
    const [found] = JSON.parse(docker("inspect", "golden-full"));
    expect(found.Id).not.toBe(before);
    expect(found.NetworkSettings.Networks["golden-front"].Aliases).toEqual(expect.arrayContaining(["full", "other"]));
  });

  test("keeps nothing after a destroy but the image of docker.Image", async () => {
    await stack.destroy();
    const left = [
      docker("ps", "--all", "--format", "{{.Names}}", "--filter", "name=golden-"),
      docker("network", "ls", "--format", "{{.Name}}", "--filter", "name=golden-"),
      docker("volume", "ls", "--format", "{{.Name}}", "--filter", "name=golden-"),
      docker("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", "reference=golden/*"),
    ];
    expect(left).toEqual(["", "", "", "golden/image:dev"]);
  });
});
