import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { backendCatalogue } from "../../components/backends/catalogue.ts";
import { catalogue } from "../../components/catalogue.ts";
import { repository } from "./fixtures.ts";

const read = (path: string) => readFileSync(join(repository, path), "utf8");
const readme = read("README.md");
const rowOf = (start: string) => readme.split("\n").find((line) => line.startsWith(`| ${start}`)) ?? "";

/** What an image pins, as its own files say it. */
function pinned(image: string): [string, string][] {
  const folder = join("images", image);
  const has = (name: string) => existsSync(join(repository, folder, name));
  const packages: Record<string, string> = has("package.json")
    ? JSON.parse(read(join(folder, "package.json"))).dependencies
    : {};
  const requirements = has("requirements.txt") ? read(join(folder, "requirements.txt")) : "";
  const modules = has("go.mod") ? read(join(folder, "go.mod")) : "";
  return [
    ...Object.entries(packages),
    ...requirements.matchAll(/^(\S+)==(\S+)/gm).map(([, name = "", version = ""]): [string, string] => [name, version]),
    ...modules
      .matchAll(/^require \S+\/(\S+) v(\S+)/gm)
      .map(([, name = "", version = ""]): [string, string] => [name, version]),
  ];
}

describe("the README", () => {
  test.each(catalogue.map(({ name, port }) => [name, port] as const))(
    "lists %s with its port and its page",
    (name, port) => {
      const row = rowOf(`[${name}](images/${name}/README.md)`);
      expect(row).toContain(`| ${port} |`);
      expect(existsSync(join(repository, "images", name, "README.md"))).toBe(true);
    },
  );

  test.each(catalogue.map(({ name }) => name))("names the versions that the image of %s pins", (name) => {
    const row = rowOf(`\`mcp-${name}\``);
    const pins = new Map(pinned(name));
    const named = [...row.matchAll(/`([^`]+)` ([\d.]+)/g)].map(([, what = "", version = ""]) => [what, version]);
    expect(named.length).toBeGreaterThan(0);
    expect(named).toEqual(named.map(([what]) => [what, pins.get(what ?? "")]));
  });

  test.each(backendCatalogue.map(({ name }) => name))("lists the container of %s and its volume", (name) => {
    const row = readme.split("\n").find((line) => line.includes(`| \`mcp-backend-${name}\` |`)) ?? "";
    expect(row).toContain(`| volume \`mcp-backend-${name}-data\` |`);
  });
});
