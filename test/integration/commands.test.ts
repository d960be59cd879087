import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { Checkout } from "./checkout.ts";
import { docker, freePorts, thingsNamed } from "./test-stack.ts";

// What a user types, in a clone of its own with a stack of its own.
const clone = new Checkout();
const prefix = `${clone.name}-`;
const [filesystemPort = 0] = await freePorts(1);
const npm = (script: string, ...args: string[]) => clone.run("npm", ["run", "--silent", script, "--", ...args]);

beforeAll(() => {
  const config = {
    prefix,
    healthInterval: 1,
    servers: {
      filesystem: { port: filesystemPort, mounts: [{ source: "examples/workspace", target: "/workspace" }] },
      fetch: { publish: false },
    },
  };
  writeFileSync(
    join(clone.folder, "Pulumi.trial.yaml"),
    `# a comment of the user's\n${stringify({ config: Object.fromEntries(Object.entries(config).map(([key, value]) => [`mcp:${key}`, value])) })}`,
  );
});
afterAll(async () => {
  await npm("down", "--stack", "trial");
  clone.remove();
});

describe("npm run up", () => {
  test("brings a stack up from a fresh clone and ends with where each server answers", async () => {
    const { code, output, stdout } = await npm("up", "--stack", "trial");
    expect(output).toContain("12 created");
    expect(code).toBe(0);
    const origin = `http://127.0.0.1:${filesystemPort}`;
    expect(stdout.slice(stdout.indexOf("SERVER")).trim().split("\n")).toEqual([
      expect.stringMatching(/^SERVER +STATUS +TRANSPORT +URL$/),
      expect.stringMatching(/^fetch +ok: healthy +http +http:\/\/mcp-fetch:8080\/mcp$/),
      expect.stringMatching(/^ +\(not published on the host\) +sse +http:\/\/mcp-fetch:8080\/sse$/),
      expect.stringMatching(new RegExp(`^filesystem +ok +http +${origin}/mcp$`)),
      expect.stringMatching(new RegExp(`^ +sse +${origin}/sse$`)),
      "",
      "for a client, from this folder:",
      `  claude mcp add --transport http filesystem ${origin}/mcp --header "Authorization: Bearer $(npm run --silent token -- filesystem --stack trial)"`,
    ]);
  });

  test("keeps the user's comments in the stack's file", async () => {
    expect(clone.read("Pulumi.trial.yaml")).toMatch(/^# a comment of the user's\n/);
  });

  test("keeps the passphrase to its user, and prints a token only when asked", async () => {
    expect(statSync(join(clone.folder, ".mcp", "passphrase")).mode & 0o777).toBe(0o600);
    const { code, output } = await npm("token", "filesystem", "--stack", "trial");
    expect(code).toBe(0);
    expect(output).toMatch(/^[A-Za-z0-9]{48}\n$/);
    const again = await npm("up", "--stack", "trial");
    expect(again.output).not.toContain(output.trim());
  });

  test("changes nothing the second time", async () => {
    const { code, output } = await npm("up", "--stack", "trial");
    expect(code).toBe(0);
    expect(output).toContain("12 unchanged");
    expect(output).not.toMatch(/creat|replac|delet/);
  });

  test("says which server does not answer, and fails", async () => {
    docker("pause", `${prefix}filesystem`);
    const { code, output } = await npm("up", "--stack", "trial").finally(() =>
      docker("unpause", `${prefix}filesystem`),
    );
    expect(output).toMatch(/filesystem +FAILED: no answer: none within 5 s +http/);
    expect(code).toBe(1);
  });
});

describe("plain pulumi", () => {
  test("works in a shell that has evaluated `npm run env`, and sees no change", async () => {
    const shell = 'eval "$(npm run --silent env -- --stack trial)" && pulumi preview -s trial --expect-no-changes';
    const { code, output } = await clone.run("sh", ["-c", shell]);
    expect(output).toContain("12 unchanged");
    expect(code).toBe(0);
  });

  test("is what `npm run pulumi` runs, with its exit code", async () => {
    const named = await npm("pulumi", "stack", "output", "endpoints", "--stack", "trial");
    expect(JSON.parse(named.output).fetch.internal.http).toBe("http://mcp-fetch:8080/mcp");
    const unknown = await npm("pulumi", "no-such-command");
    expect(unknown.code).not.toBe(0);
  });
});

describe("npm run doctor", () => {
  test("finds nothing missing", async () => {
    const { code, output } = await npm("doctor", "--json");
    expect(output).not.toContain('"missing"');
    expect(code).toBe(0);
  });
});

describe("npm run down", () => {
  test("takes away what up made, and says so when there is nothing left", async () => {
    const first = await npm("down", "--stack", "trial");
    expect(first.output).toContain("12 deleted");
    expect(first.code).toBe(0);
    expect(thingsNamed(prefix)).toEqual([]);
    const second = await npm("down", "--stack", "trial");
    expect(second.output).toContain("stack trial has nothing: nothing to take down");
    expect(second.code).toBe(0);
  });

  test("names the stacks there are when there is no such stack", async () => {
    const { code, output } = await npm("down", "--stack", "trail");
    expect(output).toContain('no stack "trail"');
    expect(output).toContain("name one of: dev, prod, trial");
    expect(code).not.toBe(0);
  });
});
