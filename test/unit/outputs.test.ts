import { describe, expect, test } from "vitest";
import { endpointsOf } from "../../outputs/endpoints.ts";
import { litellmConfig, litellmEnvironment } from "../../outputs/litellm.ts";
import { config, minimal, planOf } from "./fixtures.ts";

describe("endpointsOf", () => {
  test("gives full URLs by where the client is", () => {
    expect(endpointsOf(planOf("fetch"))).toEqual({
      internal: {
        sse: "http://mcp-fetch:8080/sse",
        http: "http://mcp-fetch:8080/mcp",
        health: "http://mcp-fetch:8080/health",
        metrics: "http://mcp-fetch:8080/metrics",
      },
      host: {
        sse: "http://127.0.0.1:8504/sse",
        http: "http://127.0.0.1:8504/mcp",
        health: "http://127.0.0.1:8504/health",
        metrics: "http://127.0.0.1:8504/metrics",
      },
    });
  });

  test("has nothing for the host where nothing is published", () => {
    expect(endpointsOf(planOf("fetch", { servers: { fetch: { publish: false } } })).host).toBeUndefined();
  });

  test.each([
    ["0.0.0.0", "http://127.0.0.1:8504/mcp"],
    ["::", "http://[::1]:8504/mcp"],
    ["fd00::1", "http://[fd00::1]:8504/mcp"],
    ["192.0.2.7", "http://192.0.2.7:8504/mcp"],
  ])("published on %s is reached at %s", (bindAddress, url) => {
    expect(endpointsOf(planOf("fetch", { ...minimal, bindAddress })).host?.http).toBe(url);
  });
});

describe("litellmConfig", () => {
  const plans = [planOf("fetch")];

  test("is the top-level mapping that LiteLLM reads, with the token left to the environment", () => {
    expect(litellmConfig(plans, config().litellm)).toBe(`mcp_servers:
  fetch:
    url: http://mcp-fetch:8080/mcp
    transport: http
    description: Pages of the web as Markdown
    auth_type: bearer_token
    auth_value: os.environ/MCP_FETCH_TOKEN
    allowed_tools:
      - fetch
    timeout: 30
`);
  });

  test("follows the chosen transport and reach", () => {
    expect(litellmConfig(plans, { transport: "sse", reach: "host" })).toContain(
      "url: http://127.0.0.1:8504/sse\n    transport: sse\n",
    );
  });

  test("has no server where none is on", () => {
    expect(litellmConfig([], config().litellm)).toBe("mcp_servers: {}\n");
  });

  test("goes with an environment of the same names", () => {
    expect(litellmEnvironment({ fetch: "a", filesystem: "b" })).toEqual({
      MCP_FETCH_TOKEN: "a",
      MCP_FILESYSTEM_TOKEN: "b",
    });
  });
});
