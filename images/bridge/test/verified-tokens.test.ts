import { expect, test } from "vitest";
import { VerifiedTokens } from "../src/verified-tokens.ts";

test("a token is known for a minute, and never longer than it is good", () => {
  let now = 1_000_000;
  const tokens = new VerifiedTokens(() => now);
  tokens.add("long", "a", now + 300_000);
  tokens.add("short", "b", now + 10_000);
  now += 9_999;
  expect([tokens.principalOf("long"), tokens.principalOf("short"), tokens.principalOf("other")]).toEqual([
    "a",
    "b",
    undefined,
  ]);
  now += 1;
  expect(tokens.principalOf("short")).toBeUndefined();
  now += 49_999;
  expect(tokens.principalOf("long")).toBe("a");
  now += 1;
  expect(tokens.principalOf("long")).toBeUndefined();
  expect(tokens.size).toBe(0);
});

test("there are never more than 4,096, and the oldest go", () => {
  const tokens = new VerifiedTokens(() => 0);
  for (let i = 0; i < 5_000; i++) tokens.add(String(i), "someone", 60_000);
  expect(tokens.size).toBe(4_096);
  expect([tokens.principalOf("903"), tokens.principalOf("904"), tokens.principalOf("4999")]).toEqual([
    undefined,
    "someone",
    "someone",
  ]);
});
