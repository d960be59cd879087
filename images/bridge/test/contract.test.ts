import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { DURATION_BUCKETS, Metrics } from "../src/metrics.ts";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const section = (title: string): string => readme.split(`\n## ${title}\n`)[1]?.split("\n## ")[0] ?? "";

describe("the README's table of metrics", () => {
  const text = new Metrics().render();

  test("names every metric, and no other", () => {
    const rendered = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
    const named = [...section("Metrics").matchAll(/`(mcp_\w+)`/g)].map(([, name]) => name);
    expect([...new Set(named)].sort()).toEqual(rendered.sort());
  });

  test("names every cause", () => {
    const causes = [...text.matchAll(/^mcp_failures_total\{cause="(\w+)"\} 0$/gm)].map(([, cause]) => cause);
    const row = /`mcp_failures_total`[^\n]*`cause`: ([\w, ]+?) *\|/.exec(section("Metrics"))?.[1] ?? "";
    expect(causes).toEqual(row.split(", "));
  });
});

test("the README says of every file what is in it, once", () => {
  const named = [...section("Where what is").matchAll(/`([\w-]+\.(?:ts|wat))`/g)].map(([, name]) => name);
  expect(named.sort()).toEqual(readdirSync(new URL("../src/", import.meta.url)).sort());
});

test("the buckets reach from 1 ms to 30 s", () => {
  expect([DURATION_BUCKETS[0], DURATION_BUCKETS.at(-1)]).toEqual([0.001, 30]);
  expect([...DURATION_BUCKETS].sort((a, b) => a - b)).toEqual([...DURATION_BUCKETS]);
});

test("labels that clients fill are bounded", () => {
  const metrics = new Metrics();
  metrics.learnTools(Array.from({ length: 1_000 }, (_, i) => `tool-${i}`));
  for (let i = 0; i < 1_000; i++) {
    metrics.request({ method: "tools/call", tool: `tool-${i}`, outcome: "ok", seconds: 0.01 });
    metrics.request({ method: `method-${i}`, tool: undefined, outcome: "error", seconds: 0.01 });
  }
  const lines = metrics.render().split("\n");
  // 256 tools, all others together, and one line for all methods that nobody knows.
  expect(lines.filter((line) => line.startsWith("mcp_requests_total{"))).toHaveLength(258);
  expect(lines).toContain('mcp_requests_total{method="tools/call",tool="other",outcome="ok"} 744');
  expect(lines).toContain('mcp_requests_total{method="other",tool="",outcome="error"} 1000');
  expect(lines.filter((line) => line.startsWith("mcp_request_duration_seconds_count{"))).toHaveLength(2);
});

test("the image installs what is tested here: the same versions, exactly", () => {
  const json = (path: string) => JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8"));
  const { dependencies } = json("../package.json");
  const root = json("../../../package.json");
  const here = Object.fromEntries(Object.keys(dependencies).map((name) => [name, root.devDependencies[name]]));
  expect(dependencies).toEqual(here);
  for (const version of Object.values(dependencies)) expect(version).toMatch(/^\d+\.\d+\.\d+$/);
  expect(json("../package-lock.json").packages[""].dependencies).toEqual(dependencies);
});
