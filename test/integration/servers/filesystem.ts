import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { callText, clientWithRoots, type TestClient } from "../clients.ts";
import { type ServerProof, transports } from "./proof.ts";

/** A GIF of one pixel: the smallest picture there is. */
const pixel = "R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7";

/** The usual two mounts, /workspace as it is by default and /projects made writable. */
export const filesystem: ServerProof = {
  options(stack) {
    const [workspace, projects, outside] = ["workspace", "projects", "outside"].map((name) =>
      join(stack.folder, "host", name),
    ) as [string, string, string];
    for (const folder of [join(workspace, "docs"), projects, outside]) mkdirSync(folder, { recursive: true });
    writeFileSync(join(workspace, "note.txt"), "one\ntwo\nthree\n");
    writeFileSync(join(workspace, "docs", "guide.md"), "# Guide\n");
    writeFileSync(join(workspace, "pixel.gif"), Buffer.from(pixel, "base64"));
    writeFileSync(join(outside, "secret.txt"), "not mounted\n");
    symlinkSync("/etc/passwd", join(workspace, "passwd"));
    symlinkSync("/proc/self/environ", join(workspace, "environ"));
    symlinkSync("../outside", join(workspace, "sibling"));
    symlinkSync("note.txt", join(workspace, "inside"));
    symlinkSync("/tmp", join(projects, "tmp"));
    // The server's user is none of the host's.
    chmodSync(projects, 0o777);
    return {
      mounts: [
        { source: "host/workspace", target: "/workspace" },
        { source: "host/projects", target: "/projects", writable: true },
      ],
    };
  },

  prove(fleet) {
    const onHost = (...path: string[]) => join(fleet.stack.folder, "host", ...path);
    let client: TestClient;
    const call = (tool: string, args: Record<string, unknown> = {}) => callText(client, tool, args);
    const text = async (tool: string, args: Record<string, unknown> = {}) => {
      const { text, isError } = await call(tool, args);
      expect(isError, text).toBe(false);
      return text;
    };
    const denied = { text: expect.stringMatching(/^Access denied/), isError: true };

    describe.each(transports)("for %s", (transport) => {
      beforeAll(async () => {
        client = await fleet.connect(transport, "filesystem");
      });
      afterAll(() => client.close());

      test("reads files", async () => {
        const path = "/workspace/note.txt";
        expect(await text("read_text_file", { path })).toBe("one\ntwo\nthree\n");
        expect(await text("read_text_file", { path, head: 1 })).toBe("one");
        expect(await text("read_text_file", { path: "/workspace/inside", tail: 2 })).toContain("three");
        expect(await text("read_file", { path })).toBe("one\ntwo\nthree\n");
        const several = await text("read_multiple_files", {
          paths: [path, "/workspace/docs/guide.md", "/workspace/none"],
        });
        expect(several).toContain("/workspace/docs/guide.md:\n# Guide\n");
        expect(several).toContain("/workspace/none: Error");
        const { content } = (await client.callTool({
          name: "read_media_file",
          arguments: { path: "/workspace/pixel.gif" },
        })) as { content: unknown[] };
        expect(content).toEqual([{ type: "image", data: pixel, mimeType: "image/gif" }]);
      });

      test("lists and finds them", async () => {
        expect(await text("list_allowed_directories")).toBe("Allowed directories:\n/workspace\n/projects");
        expect(await text("list_directory", { path: "/workspace" })).toContain("[DIR] docs\n");
        expect(await text("list_directory_with_sizes", { path: "/workspace/docs" })).toMatch(/guide\.md +8 B/);
        expect(JSON.parse(await text("directory_tree", { path: "/workspace/docs" }))).toEqual([
          { name: "guide.md", type: "file" },
        ]);
        expect(await text("search_files", { path: "/workspace", pattern: "**/*.md" })).toBe("/workspace/docs/guide.md");
        expect(await text("get_file_info", { path: "/workspace/note.txt" })).toContain("size: 14\n");
      });

      test("writes where a mount is writable, and the host sees it", async () => {
        const folder = transport.replaceAll(" ", "-");
        const path = `/projects/${folder}/a.txt`;
        await text("create_directory", { path: `/projects/${folder}` });
        await text("write_file", { path, content: "first\n" });
        await text("edit_file", { path, edits: [{ oldText: "first", newText: "second" }] });
        await text("move_file", { source: path, destination: `/projects/${folder}/b.txt` });
        expect(readFileSync(onHost("projects", folder, "b.txt"), "utf8")).toBe("second\n");
        expect(existsSync(onHost("projects", folder, "a.txt"))).toBe(false);
      });

      test.each([
        ["write_file", { path: "/workspace/new.txt", content: "x" }, "EROFS: read-only file system"],
        ["write_file", { path: "/workspace/note.txt", content: "x" }, "EROFS: read-only file system"],
        ["edit_file", { path: "/workspace/note.txt", edits: [{ oldText: "one", newText: "1" }] }, "EROFS"],
        ["move_file", { source: "/workspace/note.txt", destination: "/workspace/moved.txt" }, "EROFS"],
        ["move_file", { source: "/workspace/note.txt", destination: "/projects/moved.txt" }, "EXDEV"],
        ["create_directory", { path: "/workspace/new" }, /ENOENT|EROFS/],
      ])("%s into a read-only mount fails clearly (%j)", async (tool, args, why) => {
        expect(await call(tool, args)).toEqual({ text: expect.stringMatching(why), isError: true });
        expect(readFileSync(onHost("workspace", "note.txt"), "utf8")).toBe("one\ntwo\nthree\n");
      });

      test.each([
        "/etc/passwd",
        "/workspace/../etc/passwd",
        "/workspace/passwd",
        "/workspace/environ",
        "/workspace/sibling/secret.txt",
        "/proc/self/environ",
        "/workspaces/x",
      ])("opens no %s", async (path) => {
        const { text, isError } = await call("read_text_file", { path });
        expect({ text, isError }).toEqual({
          text: expect.stringMatching(/^(Access denied|Parent directory does not exist|.*ENOENT)/),
          isError: true,
        });
        expect(text).not.toMatch(/root:|MCP_|not mounted/);
      });

      test("writes through no symlink that leaves a mount", async () => {
        expect(await call("write_file", { path: "/projects/tmp/x", content: "x" })).toEqual(denied);
        expect(await call("move_file", { source: "/projects/tmp", destination: "/etc/x" })).toEqual(denied);
      });
    });

    test("a client's roots widen nothing", async () => {
      const [endpoint, token] = [fleet.endpointOf("filesystem"), fleet.tokenOf("filesystem")];
      client = await clientWithRoots(endpoint, token, ["file:///etc", "file:///tmp", "file:///"]);
      expect(await text("list_allowed_directories")).toBe("Allowed directories:\n/workspace\n/projects");
      expect(await call("read_text_file", { path: "/etc/passwd" })).toEqual(denied);
      expect(await call("write_file", { path: "/tmp/x", content: "x" })).toEqual(denied);
      await client.close();
    });
  },
};
