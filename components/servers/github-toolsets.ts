/** Tools of one toolset of the GitHub server. */
interface Toolset {
  readonly read: readonly string[];
  readonly write: readonly string[];
}

/** Every toolset of github-mcp-server 1.9.0, as its binary lists them with and without `GITHUB_READ_ONLY`. */
export const githubToolsets = {
  actions: { read: ["actions_get", "actions_list", "get_job_logs"], write: ["actions_run_trigger"] },
  code_quality: { read: ["get_code_quality_finding"], write: [] },
  code_security: { read: ["get_code_scanning_alert", "list_code_scanning_alerts"], write: [] },
  context: { read: ["get_me", "get_team_members", "get_teams"], write: [] },
  copilot: { read: [], write: ["assign_copilot_to_issue", "request_copilot_review"] },
  copilot_issue_intents: { read: [], write: ["assign_copilot_to_issue_with_intent"] },
  dependabot: { read: ["get_dependabot_alert", "list_dependabot_alerts"], write: [] },
  discussions: {
    read: ["get_discussion", "get_discussion_comments", "list_discussion_categories", "list_discussions"],
    write: ["discussion_comment_write"],
  },
  gists: { read: ["get_gist", "list_gists"], write: ["create_gist", "update_gist"] },
  git: { read: ["get_repository_tree"], write: [] },
  issues: {
    read: ["get_label", "issue_read", "list_issue_fields", "list_issue_types", "list_issues", "search_issues"],
    write: ["add_issue_comment", "issue_write", "sub_issue_write"],
  },
  labels: { read: ["get_label", "list_label"], write: ["label_write"] },
  notifications: {
    read: ["get_notification_details", "list_notifications"],
    write: [
      "dismiss_notification",
      "manage_notification_subscription",
      "manage_repository_notification_subscription",
      "mark_all_notifications_read",
    ],
  },
  orgs: { read: ["search_orgs"], write: [] },
  projects: { read: ["projects_get", "projects_list"], write: ["projects_write"] },
  pull_requests: {
    read: ["list_pull_requests", "pull_request_read", "search_pull_requests"],
    write: [
      "add_comment_to_pending_review",
      "add_reply_to_pull_request_comment",
      "create_pull_request",
      "merge_pull_request",
      "pull_request_review_write",
      "update_pull_request",
      "update_pull_request_branch",
    ],
  },
  repos: {
    read: [
      "get_commit",
      "get_file_contents",
      "get_latest_release",
      "get_release_by_tag",
      "get_tag",
      "list_branches",
      "list_commits",
      "list_releases",
      "list_repository_collaborators",
      "list_tags",
      "search_code",
      "search_commits",
      "search_repositories",
    ],
    write: [
      "create_branch",
      "create_or_update_file",
      "create_repository",
      "delete_file",
      "fork_repository",
      "push_files",
    ],
  },
  secret_protection: { read: ["get_secret_scanning_alert", "list_secret_scanning_alerts"], write: [] },
  security_advisories: {
    read: [
      "get_global_security_advisory",
      "list_global_security_advisories",
      "list_org_repository_security_advisories",
      "list_repository_security_advisories",
    ],
    write: [],
  },
  stargazers: { read: ["list_starred_repositories"], write: ["star_repository", "unstar_repository"] },
  users: { read: ["search_users"], write: [] },
} as const satisfies Readonly<Record<string, Toolset>>;

export type GithubToolset = keyof typeof githubToolsets;

export const githubToolsetNames = Object.keys(githubToolsets) as GithubToolset[];

/** Tools that clients see with these toolsets, each once: one tool is in two of them. */
export function githubTools(toolsets: readonly GithubToolset[], readOnly: boolean): string[] {
  const chosen: Toolset[] = toolsets.map((name) => githubToolsets[name]);
  return [...new Set(chosen.flatMap(({ read, write }) => (readOnly ? read : [...read, ...write])))].sort();
}
