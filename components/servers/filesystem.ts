import { z } from "zod";
import { field, flag } from "../../config/field.ts";
import { defineServer } from "../server-definition.ts";

const mount = z.strictObject({
  source: field(
    {
      description: "Folder of the host; a relative one is taken from the project's folder.",
      allowed: "a path",
      remedy: "name a folder that exists",
    },
    z.string().min(1),
  ),
  target: field(
    {
      description: "Where the server sees it.",
      allowed: "an absolute path below /, without `..`",
      remedy: "use /workspace or /projects",
    },
    z.string().regex(/^(\/[^/.][^/]*)+$/),
  ),
  writable: flag("Let the server write there.", false),
});

/** Reads, and where a mount is writable writes, files below its mounts and nowhere else. */
export const filesystem = defineServer({
  name: "filesystem",
  description: "Files of the folders that it is given",
  port: 8501,
  uid: 10001,
  session: { memory: 44, processes: 16 },
  egress: "none",
  baseImages: [],
  tools: [
    "read_file",
    "read_text_file",
    "read_media_file",
    "read_multiple_files",
    "write_file",
    "edit_file",
    "create_directory",
    "list_directory",
    "list_directory_with_sizes",
    "directory_tree",
    "move_file",
    "search_files",
    "get_file_info",
    "list_allowed_directories",
  ],
  // A client that declares roots would replace the folders given here by its own (measured with 2026.8.31).
  stripClientCapabilities: ["roots"],
  options: {
    mounts: field(
      {
        description: "Folders of the host that the server can open.",
        allowed: "a list of at least one `{ source, target, writable }`",
        remedy: "mount a folder of the host at /workspace",
      },
      z.array(mount).min(1),
    ),
  },
  specifics: ({ mounts }) => ({ command: mounts.map(({ target }) => target), mounts }),
});
