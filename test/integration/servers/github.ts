import { afterAll, beforeAll, expect, test } from "vitest";
import { githubTools } from "../../../components/servers/github-toolsets.ts";
import { callText, type TestClient } from "../clients.ts";
import { docker, logsOf } from "../test-stack.ts";
import { type Fake, startFake } from "./fakes/start.ts";
import { type ServerProof, transports } from "./proof.ts";

const host = "github.test";
const token = "github_pat_of_the_integration_tests";
const at = { owner: "acme", repo: "anvil" };
const sha = "c0ffee0000000000000000000000000000000001";

/** Every tool with real arguments, and a part of its answer that only the fake GitHub can have given. */
const calls: readonly (readonly [string, Record<string, unknown>, string])[] = [
  ["get_me", {}, '"login":"wile"'],
  ["get_teams", {}, '{"name":"Tools","slug":"tools","description":""}'],
  ["get_team_members", { org: "acme", team_slug: "tools" }, '["wile"]'],
  ["get_commit", { ...at, sha }, '"message":"Paint it black"'],
  ["get_file_contents", { ...at, path: "README.md" }, "SHA: feed000000000000000000000000000000000002"],
  ["get_label", { ...at, name: "bug" }, '"color":"d73a4a"'],
  ["get_latest_release", at, '"tag_name":"v1.0.0"'],
  ["get_release_by_tag", { ...at, tag: "v1.0.0" }, '"name":"First"'],
  ["get_tag", { ...at, tag: "v1.0.0" }, '"message":"First"'],
  ["issue_read", { ...at, method: "get", issue_number: 7 }, '"title":"The anvil falls upwards"'],
  ["list_branches", at, '[{"name":"main","sha":"c0ffee0000000000000000000000000000000001","protected":true}]'],
  ["list_commits", at, '"message":"Paint it black"'],
  ["list_issue_fields", { owner: "acme" }, '"name":"Severity"'],
  ["list_issue_types", { owner: "acme" }, '"name":"Bug"'],
  ["list_issues", at, '"number":7,"title":"The anvil falls upwards"'],
  ["list_pull_requests", at, '"number":8,"title":"Turn gravity round"'],
  ["list_releases", at, '"tag_name":"v1.0.0"'],
  ["list_repository_collaborators", at, '"role_name":"admin"'],
  ["list_tags", at, '[{"name":"v1.0.0","sha":"c0ffee0000000000000000000000000000000001"}]'],
  ["pull_request_read", { ...at, method: "get_diff", pullNumber: 8 }, "-down\n+up\n"],
  ["search_code", { query: "heavier repo:acme/anvil" }, '"path":"README.md"'],
  ["search_commits", { query: "black repo:acme/anvil" }, '"message":"Paint it black"'],
  ["search_issues", { query: "falls repo:acme/anvil" }, '"number":7'],
  ["search_pull_requests", { query: "gravity repo:acme/anvil" }, '"number":8'],
  ["search_repositories", { query: "anvil" }, '"full_name":"acme/anvil"'],
  ["search_users", { query: "wile" }, '"login":"wile"'],
];

const defaults = ["context", "copilot", "issues", "pull_requests", "repos", "users"] as const;

/** GitHub's server against a GitHub Enterprise that is a program of ours, for there is no real one to test with. */
export const github: ServerProof = {
  options: () => ({ host: `http://${host}` }),
  secrets: { github: { token } },

  prove(fleet) {
    let fake: Fake;
    beforeAll(async () => {
      fake = await startFake(fleet.stack, "github", "github-api.ts", host, token);
    });
    afterAll(() => fake[Symbol.dispose]());

    test("offers by default what changes nothing, as the catalogue says", async () => {
      const client = await fleet.connect("v1 over Streamable HTTP", "github");
      const listed = (await client.listTools()).tools.map(({ name }) => name).sort();
      await client.close();
      expect(listed).toEqual(githubTools(defaults, true));
      expect(calls.map(([name]) => name).sort()).toEqual(listed);
    });

    test.each(transports)("answers every tool from GitHub, over %s", async (name) => {
      const client: TestClient = await fleet.connect(name, "github");
      for (const [tool, args, part] of calls) {
        const { text, isError } = await callText(client, tool, args);
        expect({ tool, text, isError }).toEqual({ tool, text: expect.stringContaining(part), isError: false });
      }
      await client.close();
    });

    test("has no tool that writes, not even for a client that knows its name", async () => {
      const client = await fleet.connect("v1 over Streamable HTTP", "github");
      const written = client.callTool({ name: "issue_write", arguments: { ...at, method: "create", title: "x" } });
      await expect(written).rejects.toThrow("issue_write");
      await client.close();
      expect(fake.log()).not.toContain("POST /api/v3");
    });

    test("shows its token to nobody but GitHub", async () => {
      const { Config, Image } = fleet.stack.inspect("github");
      expect(fake.log()).toContain("GET /api/v3/user\n");
      expect(JSON.stringify(Config.Labels)).not.toContain(token);
      expect(docker("history", "--no-trunc", Image)).not.toContain(token);
      expect(logsOf(fleet.stack.container("github"))).toContain('"event":"listening"');
      expect(logsOf(fleet.stack.container("github"))).not.toContain(token);
      expect(await fleet.stack.state()).not.toContain(token);
    });
  },
};
