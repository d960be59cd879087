/** What `npm run up` ends with. */
import type { ServerStatus } from "./status.ts";

/** Rows in columns as wide as their widest cell; nothing follows the last one. */
export function renderTable(header: string[], rows: string[][]): string {
  const widths = header.map((_, column) => Math.max(...[header, ...rows].map((row) => row[column]?.length ?? 0)));
  const line = (row: string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return [line(header), ...rows.map(line)].join("\n");
}

/** Servers, how they are, where they are, and the lines that connect a client. Tokens are read when a line is run. */
export function renderStatus(statuses: ServerStatus[], stack: string): string {
  if (statuses.length === 0) return `no server is on: add one under mcp:servers in Pulumi.${stack}.yaml`;
  const rows = statuses.flatMap(({ server, ok, status, http, sse, published }) => [
    [server, `${ok ? "ok" : "FAILED"}${status === "ok" ? "" : `: ${status}`}`, "http", http],
    ["", published ? "" : "(not published on the host)", "sse", sse],
  ]);
  const published = statuses.filter((status) => status.published);
  const lines = published.map(({ server, http }) => clientLine(server, http, stack));
  const broken = statuses.flatMap(({ ok, server, container }) =>
    ok || container === undefined ? [] : `${server} does not answer well; its log: docker logs --tail 50 ${container}`,
  );
  return [
    renderTable(["SERVER", "STATUS", "TRANSPORT", "URL"], rows),
    ...(broken.length === 0 ? [] : ["", ...broken]),
    ...(lines.length === 0 ? [] : ["", "for a client, from this folder:", ...lines]),
  ].join("\n");
}

/** The command that adds a server to Claude Code. */
export function clientLine(server: string, url: string, stack: string): string {
  return `  claude mcp add --transport http ${server} ${url} --header "Authorization: Bearer $(${tokenCommand(server, stack)})"`;
}

/** The command that prints a server's token. */
function tokenCommand(server: string, stack: string): string {
  return `npm run --silent token -- ${server}${stack === "dev" ? "" : ` --stack ${stack}`}`;
}
