import { describe, expect, test } from "vitest";
import { mayAsk, parseOrigin } from "../src/origins.ts";

const rules = (allowed: string[], blocked: string[] = []) => ({
  allowed: allowed.map(parseOrigin),
  blocked: blocked.map(parseOrigin),
});

describe("parseOrigin", () => {
  test.each([
    ["https://Example.com", { host: "example.com", port: 443 }],
    ["http://example.com./", { host: "example.com", port: 80 }],
    ["http://*.example.com:8080", { host: "*.example.com", port: 8080 }],
    ["https://example.com:*", { host: "example.com", port: undefined }],
    ["http://[2001:db8::1]:81", { host: "2001:db8::1", port: 81 }],
  ])("reads %s", (text, rule) => expect(parseOrigin(text)).toEqual(rule));

  test.each([
    "example.com",
    "https://",
    "ftp://example.com",
    "https://a.com/path",
    "https://a*b.com",
    "https://u@a.com",
  ])("refuses %s", (text) =>
    expect(() => parseOrigin(text)).toThrow(
      `origin "${text}" is not one; write for example https://example.com or http://*.example.com:8080`,
    ),
  );
});

describe("mayAsk", () => {
  test("lets everything through where nothing is said", () => {
    expect(mayAsk("example.com", 443, rules([]))).toBe(true);
  });

  test("compares host and port as a whole", () => {
    const only = rules(["https://example.com"]);
    expect(mayAsk("EXAMPLE.com.", 443, only)).toBe(true);
    for (const [host, port] of [
      ["example.com", 80],
      ["a.example.com", 443],
      ["example.com.evil.org", 443],
    ] as const)
      expect(mayAsk(host, port, only), `${host}:${port}`).toBe(false);
  });

  test("takes *. for all names below", () => {
    const below = rules(["https://*.example.com:*"]);
    expect(mayAsk("a.b.example.com", 8443, below)).toBe(true);
    expect(mayAsk("example.com", 443, below)).toBe(false);
    expect(mayAsk("notexample.com", 443, below)).toBe(false);
  });

  test("blocks also what is allowed", () => {
    const both = rules(["https://*.example.com"], ["https://ads.example.com"]);
    expect(mayAsk("www.example.com", 443, both)).toBe(true);
    expect(mayAsk("ads.example.com", 443, both)).toBe(false);
  });
});
