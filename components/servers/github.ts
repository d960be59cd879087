import { z } from "zod";
import { field, flag } from "../../config/field.ts";
import { defineServer } from "../server-definition.ts";
import { githubTools, githubToolsetNames } from "./github-toolsets.ts";

/** GitHub's own server: repositories, issues, pull requests and more, with the rights of one token. */
export const github = defineServer({
  name: "github",
  description: "Repositories, issues and pull requests of GitHub",
  port: 8506,
  uid: 10006,
  session: { memory: 24, processes: 16 },
  egress: "web",
  baseImages: ["golang"],
  tools: githubTools(githubToolsetNames, false),
  offeredTools: ({ toolsets, readOnly }) => githubTools(toolsets, readOnly),
  secrets: [
    {
      key: "token",
      env: "GITHUB_PERSONAL_ACCESS_TOKEN",
      remedy: "a fine-grained personal access token with the rights that clients should have",
      ifMissing: "leave out",
    },
  ],
  options: {
    toolsets: field(
      {
        description: "Groups of tools that clients get.",
        allowed: `a list of at least one of: ${githubToolsetNames.join(", ")}`,
        remedy: "leave it out for those that the server has by default",
      },
      z
        .array(z.enum(githubToolsetNames))
        .min(1)
        .default(["context", "copilot", "issues", "pull_requests", "repos", "users"]),
    ),
    readOnly: flag("Offer only tools that change nothing.", true),
    host: field(
      {
        description: "GitHub Enterprise, in place of github.com.",
        allowed: "a URL of a host alone, without port and path",
        remedy: "write it as https://github.example.com",
      },
      z
        .string()
        .regex(/^https?:\/\/[a-zA-Z0-9][a-zA-Z0-9.-]*$/)
        .optional(),
    ),
  },
  specifics: ({ toolsets, readOnly, host }) => ({
    envs: {
      GITHUB_TOOLSETS: toolsets.join(","),
      GITHUB_READ_ONLY: String(readOnly),
      ...(host !== undefined && { GITHUB_HOST: host }),
    },
  }),
});
