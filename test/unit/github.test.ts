import { describe, expect, test } from "vitest";
import { planBridge, planServer } from "../../components/plan.ts";
import { fetch } from "../../components/servers/fetch.ts";
import { github } from "../../components/servers/github.ts";
import { githubToolsetNames } from "../../components/servers/github-toolsets.ts";
import { neededImages } from "../../config/needed-images.ts";
import { configProblems } from "../../config/problems.ts";
import { parseConfig } from "../../config.ts";
import { context, world } from "./fixtures.ts";

const withGithub = world({ servers: [fetch, github] });
const configured = (options: object) => ({ servers: { github: options }, secrets: { github: { token: "t" } } });

function plan(options: object) {
  const config = parseConfig(configured(options), withGithub);
  const [server] = config.servers;
  if (!server) throw new Error("github is not on");
  return planServer(server, config, planBridge(config, context), context);
}

describe("github's configuration", () => {
  const sets = githubToolsetNames.join(", ");

  test.each<[string, object, string]>([
    [
      "a tool that only other options would offer",
      { toolsets: ["gists"], allowedTools: ["list_gists", "create_gist"] },
      'mcp:servers.github.allowedTools[1] is "create_gist", which github does not have with its other options; allowed: get_gist, list_gists; change these options or remove it',
    ],
    [
      "a tool that does not exist",
      { toolsets: ["gists"], allowedTools: ["list_gist"] },
      'mcp:servers.github.allowedTools[0] is "list_gist"; allowed: get_gist, list_gists; did you mean `list_gists`?',
    ],
    [
      "options that leave no tool",
      { toolsets: ["copilot"] },
      "mcp:servers.github leaves github without a tool; allowed: options with which it has one; change them",
    ],
    [
      "a toolset that does not exist",
      { toolsets: ["gist"] },
      `mcp:servers.github.toolsets[0] is "gist"; allowed: a list of at least one of: ${sets}; leave it out for those that the server has by default`,
    ],
    ...["github.example.com", "https://github.example.com:8443", "https://github.example.com/"].map(
      (host): [string, object, string] => [
        `Enterprise at ${host}`,
        { host },
        `mcp:servers.github.host is "${host}"; allowed: a URL of a host alone, without port and path; write it as https://github.example.com`,
      ],
    ),
  ])("refuses %s", (_, options, problem) => {
    expect(configProblems(configured(options), withGithub)).toEqual([problem]);
  });

  test("without a token leaves it out, frees its port, and says so", () => {
    const { servers, notices } = parseConfig({ servers: { fetch: { port: 8506 }, github: {} } }, withGithub);
    expect(servers.map(({ definition }) => definition.name)).toEqual(["fetch"]);
    expect(notices).toEqual([
      "github is left out: mcp:secrets.github.token is not set; `pulumi config set --secret --path mcp:secrets.github.token` (a fine-grained personal access token with the rights that clients should have)",
    ]);
  });

  test("needs Go only where it runs", () => {
    expect(neededImages({ servers: { github: {} } }, [github])).toEqual(["node"]);
    expect(neededImages(configured({}), [github])).toEqual(["node", "golang"]);
  });

  test("says nothing of a server that is off or has its token", () => {
    expect(parseConfig({ servers: { github: { enabled: false } } }, withGithub).notices).toEqual([]);
    expect(parseConfig(configured({}), withGithub).notices).toEqual([]);
  });
});

describe("github's plan", () => {
  test("has a way out, the token as a secret, and tools that change nothing", () => {
    const { network, envs, secretEnvs, image } = plan({});
    expect(network).toEqual({ name: "mcp-github", options: {} });
    expect(envs).toMatchObject({
      GITHUB_TOOLSETS: "context,copilot,issues,pull_requests,repos,users",
      GITHUB_READ_ONLY: "true",
    });
    expect(envs).not.toHaveProperty("GITHUB_HOST");
    expect(Object.keys(secretEnvs)).toEqual(["GITHUB_PERSONAL_ACCESS_TOKEN"]);
    expect(image.buildArgs.GOLANG_IMAGE).toBe("golang:1.26-trixie");
  });

  test("goes to GitHub Enterprise where told to", () => {
    expect(plan({ host: "https://github.example.com" }).envs.GITHUB_HOST).toBe("https://github.example.com");
  });

  // What the program of 1.9.0 itself lists; the integration test asks the running server.
  test.each([
    [{}, 26],
    [{ readOnly: false }, 44],
    [{ toolsets: githubToolsetNames }, 54],
    [{ toolsets: githubToolsetNames, readOnly: false }, 85],
    [{ toolsets: ["issues", "labels"] }, 7],
    [{ toolsets: ["gists"], readOnly: false, allowedTools: ["list_gists", "create_gist"] }, 2],
  ])("with %j has %i tools", (options, count) => {
    const { tools, labels } = plan(options);
    expect(labels["com.mcp.tools"]).toBe(String(count));
    expect(new Set(tools).size).toBe(count);
  });
});
