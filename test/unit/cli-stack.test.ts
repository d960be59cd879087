import { describe, expect, it } from "vitest";
import { cleanObstacle, countResources, passphraseObstacle } from "../../cli/commands/clean.ts";
import { exportLines } from "../../cli/commands/env.ts";
import { readPulumiCommand } from "../../cli/commands/pulumi.ts";
import { needsToolchain } from "../../cli/commands/test.ts";
import { imageSettings, passphraseRemedy, unknownStack } from "../../cli/stack.ts";
import { stacksWithFile, withoutIdleSalt } from "../../cli/stack-file.ts";
import { wantedPorts } from "../../cli/stack-ports.ts";

describe("a stack's file", () => {
  it("loses the salt of a lost passphrase, and nothing else", () => {
    expect(withoutIdleSalt("# mine\nconfig:\n  a:b: 1\nencryptionsalt: v1:x\n")).toBe("# mine\nconfig:\n  a:b: 1\n");
  });

  it("keeps it where it holds secrets", () => {
    for (const text of [
      "config:\n  a:b:\n    secure: v1:y\nencryptionsalt: v1:x\n",
      "config:\n  a:b:\n    - secure: v1:y\nencryptionsalt: v1:x\n",
    ]) {
      expect(withoutIdleSalt(text)).toBe(text);
    }
  });

  it("is known by its name", () => {
    expect(stacksWithFile(["Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.a.b.yaml", "x.yaml"])).toEqual(["dev", "a.b"]);
    expect(unknownStack("dve", ["dev", "prod"]).render()).toBe(
      'no stack "dve": there is no Pulumi.dve.yaml; did you mean "dev"?\nremedy: name one of: dev, prod; or begin a new one: cp Pulumi.dev.yaml Pulumi.dve.yaml',
    );
  });

  it("is refused with the remedy for a passphrase that is missing or another one", () => {
    expect(passphraseRemedy("error: … passphrase must be set with …", "dev")).toContain("the backend is your own");
    expect(passphraseRemedy("error: incorrect passphrase", "dev")).toContain(
      "Pulumi.dev.yaml holds secrets of another",
    );
    expect(passphraseRemedy("error: no space left", "dev")).toBeUndefined();
  });

  it("gets only the image names that it lacks", () => {
    expect(imageSettings({ node: "a" }, { node: "a", python: "b", debian: undefined })).toEqual([["python", "b"]]);
  });

  it("says which ports it publishes", () => {
    expect(
      wantedPorts({
        "mcp:prefix": "x-",
        "mcp:servers": { filesystem: { port: "9001" }, fetch: { enabled: false } },
      }),
    ).toEqual([{ server: "filesystem", container: "x-filesystem", address: "127.0.0.1", port: 9001 }]);
    expect(wantedPorts({ "mcp:servers": { fetch: {}, filesystem: { publish: false } } })).toEqual([
      { server: "fetch", container: "mcp-fetch", address: "127.0.0.1", port: 8504 },
    ]);
    expect(wantedPorts({})).toEqual([]);
  });
});

describe("commands", () => {
  it("export variables whatever their values hold", () => {
    expect(exportLines({ A: "it's $HOME", B: "x" })).toBe("export A='it'\\''s $HOME'\nexport B='x'");
  });

  it("know which Pulumi commands need an engine, images, and which stack is meant", () => {
    expect(readPulumiCommand(["preview", "-s", "prod"])).toEqual({ engine: true, images: true, stack: "prod" });
    expect(readPulumiCommand(["--non-interactive", "destroy", "--stack=x"])).toEqual({
      engine: true,
      images: false,
      stack: "x",
    });
    expect(readPulumiCommand(["stack", "output"])).toEqual({ engine: false, images: false, stack: undefined });
  });

  it("set nothing up for tests that need no engine", () => {
    expect(needsToolchain([])).toBe(true);
    expect(needsToolchain(["--project", "unit"])).toBe(false);
    expect(needsToolchain(["--project=unit", "--project", "conformance"])).toBe(false);
    expect(needsToolchain(["--project", "unit", "--project", "integration"])).toBe(true);
  });

  it("do not clean away what a stack still needs", () => {
    expect(cleanObstacle([{ stack: "dev", resources: 0 }], [])).toBeUndefined();
    expect(cleanObstacle([{ stack: "dev", resources: 2 }], [])?.render()).toBe(
      "nothing was removed: these stacks are up and need it: dev (2 resources)\nremedy: take them down first: npm run down",
    );
    expect(cleanObstacle([], ["mcp-fetch:1"])?.message).toBe(
      "nothing was removed: images on this engine are built on ours: mcp-fetch:1",
    );
  });

  it("do not clean away the passphrase of secrets that are still there", () => {
    expect(passphraseObstacle([])).toBeUndefined();
    expect(passphraseObstacle(["dev"])?.message).toBe(
      "nothing was removed: Pulumi.dev.yaml holds secrets that can be read only with .mcp/passphrase",
    );
  });

  it("count what a stack has made, not its own bookkeeping", () => {
    const resources = [
      { type: "pulumi:pulumi:Stack" },
      { type: "pulumi:providers:docker" },
      { type: "docker:index/container:Container" },
    ];
    expect(countResources({ checkpoint: { latest: { resources } } })).toBe(1);
    expect(countResources({ checkpoint: {} })).toBe(0);
  });
});
