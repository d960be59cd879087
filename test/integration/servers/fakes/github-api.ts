import { createServer } from "node:http";

// A GitHub Enterprise that has one repository, acme/anvil, and answers one token. It runs in a container of its own, so
// it imports nothing of ours. Every request that it lets in is a line on its output.

const token = process.env.FAKE_TOKEN;
const origin = `http://${process.env.FAKE_HOST}`;
const sha = "c0ffee0000000000000000000000000000000001";
const date = "2026-01-02T03:04:05Z";
const readme = "# anvil\n\nHeavier than it looks.\n";

const user = { login: "wile", id: 1, html_url: `${origin}/wile`, type: "User", name: "Wile E." };
const repository = {
  id: 2,
  name: "anvil",
  full_name: "acme/anvil",
  owner: { login: "acme", id: 3 },
  html_url: `${origin}/acme/anvil`,
  default_branch: "main",
  description: "Heavier than it looks",
  private: false,
};
const issue = {
  id: 70,
  number: 7,
  title: "The anvil falls upwards",
  body: "Seen twice.",
  state: "open",
  user,
  labels: [{ name: "bug" }],
  html_url: `${origin}/acme/anvil/issues/7`,
  created_at: date,
  updated_at: date,
};
const pull = {
  ...issue,
  id: 80,
  number: 8,
  title: "Turn gravity round",
  html_url: `${origin}/acme/anvil/pull/8`,
  head: { ref: "gravity", sha, repo: repository },
  base: { ref: "main", sha, repo: repository },
};
const commit = {
  sha,
  html_url: `${origin}/acme/anvil/commit/${sha}`,
  commit: { message: "Paint it black", author: { name: "Wile E.", email: "wile@acme.test", date } },
  author: user,
  files: [{ filename: "README.md", status: "modified", additions: 1, deletions: 0, changes: 1 }],
};
const release = { id: 9, tag_name: "v1.0.0", name: "First", published_at: date, author: user };
const file = {
  type: "file",
  name: "README.md",
  path: "README.md",
  sha: "feed000000000000000000000000000000000002",
  size: readme.length,
  encoding: "base64",
  content: Buffer.from(readme).toString("base64"),
};
const found = (item: object) => ({ total_count: 1, incomplete_results: false, items: [item] });
const repo = "/repos/acme/anvil";

/** Answers of the REST API, by path below /api/v3. */
const rest: Readonly<Record<string, unknown>> = {
  "/user": user,
  [repo]: repository,
  [`${repo}/commits`]: [commit],
  [`${repo}/commits/${sha}`]: commit,
  [`${repo}/git/ref/heads/main`]: { ref: "refs/heads/main", object: { type: "commit", sha } },
  [`${repo}/git/ref/tags/v1.0.0`]: { ref: "refs/tags/v1.0.0", object: { type: "tag", sha } },
  [`${repo}/git/tags/${sha}`]: { tag: "v1.0.0", sha, message: "First", object: { type: "commit", sha } },
  [`${repo}/contents/README.md`]: file,
  [`${repo}/contents/`]: [file],
  [`${repo}/releases`]: [release],
  [`${repo}/releases/latest`]: release,
  [`${repo}/releases/tags/v1.0.0`]: release,
  [`${repo}/issues/7`]: issue,
  [`${repo}/issues/7/comments`]: [{ id: 71, body: "Confirmed.", user, created_at: date }],
  [`${repo}/branches`]: [{ name: "main", commit: { sha }, protected: true }],
  [`${repo}/tags`]: [{ name: "v1.0.0", commit: { sha } }],
  [`${repo}/pulls`]: [pull],
  [`${repo}/pulls/8`]: pull,
  [`${repo}/collaborators`]: [{ ...user, role_name: "admin" }],
  "/orgs/acme/issue-types": [{ id: 10, name: "Bug", description: "Something falls" }],
  "/search/code": found({ name: "README.md", path: "README.md", sha: file.sha, repository }),
  "/search/commits": found(commit),
  "/search/repositories": found(repository),
  "/search/users": found(user),
};

const page = { hasNextPage: false, hasPreviousPage: false, startCursor: "", endCursor: "" };

/** Answers of the GraphQL API, by a field that only this query asks for. */
const graphql: readonly (readonly [string, object])[] = [
  ["members(first", { organization: { team: { members: { nodes: [{ login: "wile" }] } } } }],
  [
    "teams(first",
    {
      user: {
        organizations: {
          nodes: [{ login: "acme", teams: { nodes: [{ name: "Tools", slug: "tools", description: "" }] } }],
        },
      },
    },
  ],
  ["label(name", { repository: { label: { id: "L1", name: "bug", color: "d73a4a", description: "It falls" } } }],
  [
    "issueFields(",
    {
      organization: {
        issueFields: {
          nodes: [
            {
              __typename: "IssueFieldText",
              id: "F1",
              fullDatabaseId: "1",
              name: "Severity",
              description: "",
              dataType: "TEXT",
              visibility: "ALL",
            },
          ],
        },
      },
    },
  ],
  [
    "issues(first",
    {
      repository: {
        issues: {
          nodes: [
            {
              number: 7,
              title: issue.title,
              body: issue.body,
              state: "OPEN",
              databaseId: 70,
              author: { login: "wile" },
              createdAt: date,
              updatedAt: date,
              labels: { nodes: [{ name: "bug", id: "L1", description: "It falls" }] },
              comments: { totalCount: 1 },
              issueFieldValues: { nodes: [] },
            },
          ],
          pageInfo: page,
          totalCount: 1,
        },
      },
    },
  ],
];

function answer(url: URL, body: string): unknown {
  if (url.pathname === "/api/graphql") return { data: graphql.find(([field]) => body.includes(field))?.[1] ?? {} };
  const path = url.pathname.replace(/^\/api\/v3/, "");
  if (path === "/search/issues") return found(url.searchParams.get("q")?.startsWith("is:pr") ? pull : issue);
  return rest[path];
}

createServer((request, response) => {
  let body = "";
  request.on("data", (chunk) => {
    body += chunk;
  });
  request.on("end", () => {
    const url = new URL(request.url ?? "/", origin);
    const send = (status: number, reply: unknown) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(reply));
    if (request.headers.authorization !== `Bearer ${token}`) return send(401, { message: "Bad credentials" });
    console.log(`${request.method} ${url.pathname}`);
    if (url.pathname === `/raw/acme/anvil/${sha}/README.md`)
      return response.writeHead(200, { "content-type": "text/plain" }).end(readme);
    if (request.headers.accept?.includes(".diff"))
      return response.writeHead(200, { "content-type": "text/plain" }).end("-down\n+up\n");
    const reply = answer(url, body);
    return reply === undefined ? send(404, { message: "Not Found" }) : send(200, reply);
  });
}).listen(80, process.env.FAKE_ADDRESS ?? "0.0.0.0", () => console.log("listening"));
