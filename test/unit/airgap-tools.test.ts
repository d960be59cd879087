import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { pluginFolder, pluginPins, wrapperText } from "../../airgap/plugins.ts";
import { type CliFacts, decideCli, pinnedCliVersion } from "../../airgap/pulumi-cli.ts";

const folder = mkdtempSync(join(tmpdir(), "mcp-it's-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("the Pulumi CLI", () => {
  const none: CliFacts = {
    wanted: "3.259.0",
    onPath: undefined,
    downloaded: undefined,
    built: undefined,
    reachable: false,
    go: "go1.26.8",
    install: true,
  };
  const onPath = { path: "/usr/bin/pulumi", version: "v3.259.0" };

  it("is the user's, then what an earlier run left", () => {
    const cached = { downloaded: "/c/d", built: "/c/b" };
    expect(decideCli({ ...none, ...cached, onPath })).toEqual({ use: "path", path: "/usr/bin/pulumi" });
    expect(decideCli({ ...none, ...cached })).toEqual({ use: "downloaded", path: "/c/d" });
    expect(decideCli({ ...none, built: "/c/b" })).toEqual({ use: "built", path: "/c/b" });
  });

  it("is downloaded where that is possible, else built", () => {
    expect(decideCli({ ...none, reachable: true })).toEqual({
      use: "download",
      why: "no Pulumi CLI ≥ 3.259.0 on PATH",
    });
    expect(decideCli({ ...none, onPath: { ...onPath, version: "v3.100.0" } })).toEqual({
      use: "build",
      why: "the Pulumi CLI on PATH (/usr/bin/pulumi) is v3.100.0, older than 3.259.0, and get.pulumi.com does not answer",
    });
  });

  it("is asked of the user where there is no way to get one, with the choices there are", () => {
    const missing = "no Pulumi CLI ≥ 3.259.0 on PATH";
    const withoutGo = decideCli({ ...none, go: undefined });
    expect(withoutGo).toMatchObject({
      use: "none",
      message: `${missing}, and get.pulumi.com does not answer; building it from its Go modules needs Go, and there is none`,
    });
    for (const choice of ["install Pulumi 3.259.0 or newer", "or install Go ≥ 1.21.0", "or copy a `pulumi` 3.259.0"]) {
      expect(withoutGo).toMatchObject({ remedy: expect.stringContaining(choice) });
    }
    expect(decideCli({ ...none, go: "go1.19" })).toMatchObject({
      message: expect.stringContaining("go1.19 is too old"),
    });
    expect(decideCli({ ...none, install: false, reachable: true })).toMatchObject({
      use: "none",
      message: `${missing}, and --no-install forbids getting one`,
    });
  });

  it("is of the version that go.mod pins", () => {
    expect(pinnedCliVersion("module x\n\nrequire github.com/pulumi/pulumi/pkg/v3 v3.1.2\n")).toBe("3.1.2");
    expect(pinnedCliVersion("require (\n\tgithub.com/pulumi/pulumi/pkg/v3 v3.4.5\n)\n")).toBe("3.4.5");
    expect(() => pinnedCliVersion("module x\n")).toThrow("does not require");
    expect(pinnedCliVersion()).toMatch(/^3\.\d+\.\d+$/);
  });
});

describe("plugins", () => {
  it("are those whose SDKs package.json pins, in the SDKs' versions", () => {
    const dependencies = { "@pulumi/docker": "5.2.0", "@pulumi/pulumi": "3.270.0", zod: "4.0.0" };
    expect(pluginPins({ dependencies })).toEqual([{ name: "docker", version: "5.2.0" }]);
    expect(pluginFolder({ name: "docker", version: "5.2.0" })).toBe("plugins/resource-docker-v5.2.0");
    expect(pluginPins().map(({ name }) => name)).toEqual(["docker", "random"]);
  });

  it("are started by wrappers that hand on their arguments, whatever the folders are called", () => {
    const script = join(folder, "print.mjs");
    const wrapper = join(folder, "wrapper");
    writeFileSync(script, "console.log(JSON.stringify(process.argv.slice(2)))");
    writeFileSync(wrapper, wrapperText(script, process.execPath), { mode: 0o755 });
    expect(JSON.parse(execFileSync(wrapper, ["a b", "$c"], { encoding: "utf8" }))).toEqual(["a b", "$c"]);
  });
});
