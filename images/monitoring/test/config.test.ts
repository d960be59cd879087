import { describe, expect, test } from "vitest";
import { readConfig } from "../src/config.ts";

const problems = (env: Record<string, string>): string[] => {
  try {
    readConfig(env);
    return [];
  } catch (error) {
    return (error as Error).message.split("\n");
  }
};

describe("the environment", () => {
  test("may be empty: the names of the stack's own backends", () => {
    const { loki, netdata, services, labels, timeoutMs } = readConfig({ LOKI_TOKEN: "", MCP_SERVICES: "" });
    expect([loki.url, loki.headers, netdata.url, netdata.headers]).toEqual([
      "http://loki:3100",
      {},
      "http://netdata:19999",
      {},
    ]);
    expect([...services]).toEqual([]);
    expect(labels).toEqual({ service: "mcp_type", container: "container_name" });
    expect(timeoutMs).toBe(10_000);
  });

  test("says where backends are, who we are to them, and which servers there are", () => {
    const { loki, netdata, services } = readConfig({
      LOKI_URL: "https://logs.example.com/loki-gateway/",
      LOKI_TOKEN: "s3cret",
      LOKI_TENANT: "team-a",
      NETDATA_USERNAME: "me",
      NETDATA_PASSWORD: "p:w",
      MCP_SERVICES: '{"memory":"http://mcp-memory:8080/","fetch":"http://mcp-fetch:8080"}',
    });
    expect(loki.url).toBe("https://logs.example.com/loki-gateway");
    expect(loki.headers).toEqual({ authorization: "Bearer s3cret", "x-scope-orgid": "team-a" });
    expect(netdata.headers).toEqual({ authorization: "Basic bWU6cDp3" });
    expect([...services]).toEqual([
      ["memory", "http://mcp-memory:8080"],
      ["fetch", "http://mcp-fetch:8080"],
    ]);
  });

  test("is refused with all that is wrong with it at once, and without its secrets", () => {
    expect(
      problems({
        LOKI_URL: "loki:3100/x y",
        NETDATA_URL: "http://me:hidden@netdata",
        NETDATA_TOKEN: "hidden",
        NETDATA_USERNAME: "me",
        LOKI_PASSWORD: "hidden",
        LOKI_TENANT: "a\nb",
        LOKI_SERVICE_LABEL: "mcp-type",
        MCP_SERVICES: '{"Memory":"http://x","fetch":"ftp://x"}',
        MONITORING_TIMEOUT_SECONDS: "60",
      }),
    ).toEqual([
      "LOKI_URL has to start with http:// or https://",
      "LOKI_TENANT has characters other than printable ASCII without spaces",
      "LOKI_SERVICE_LABEL is no name of a label; letters, digits and _ are",
      "NETDATA_URL has credentials in it; take them out and set …_USERNAME and …_PASSWORD",
      "MCP_SERVICES: Memory is no name of a server; lower-case letters, digits and - are",
      "MCP_SERVICES: fetch has to start with http:// or https://",
      "MONITORING_TIMEOUT_SECONDS has to be a whole number from 1 to 25 (seconds)",
      "LOKI_TOKEN, LOKI_USERNAME: a user name needs a password, and back; set one kind",
      "NETDATA_TOKEN, NETDATA_USERNAME: both a token and a user name are set; set one kind",
    ]);
    expect(problems({ LOKI_URL: "not a url", MCP_SERVICES: "{" })).toEqual([
      "LOKI_URL is no URL; write for example http://loki:3100",
      "MCP_SERVICES is no JSON",
    ]);
  });
});
