/** Builds an image with the engine's classic builder: a tar of the context in, lines of progress out. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { isAbsolute, join, relative, resolve } from "node:path";
import { Readable } from "node:stream";
import tarFs from "tar-fs";
import type { Context } from "../provider.ts";
import { engine, engineCall } from "./client.ts";
import { contextFiles } from "./context.ts";

const OUTPUT_LINES = 40;
/** What the builder says of its own layers and containers. */
const BOOKKEEPING = /^( ---> |Removing intermediate container )/;
/** A step that takes longer is named again this often, with the time the build has taken and what it last printed. */
const SILENCE_MS = 10_000;
/** Pulumi prints each status on a line of its own where it has no terminal. */
const SHOWN_LENGTH = 100;

export interface BuildRequest {
  name: string;
  /** Folder, absolute or relative to the program. */
  context: string;
  /** Path of the Dockerfile, absolute or relative to the program. */
  dockerfile: string;
  /** Options of the engine's build call, beside the name and the Dockerfile. */
  options: { [key: string]: unknown };
}

interface BuildEvent {
  stream?: string;
  status?: string;
  id?: string;
  error?: string;
  aux?: { ID?: string };
}

/** Build output as it goes: the step that runs, the last lines, and the id of the image. */
export class BuildLog {
  step = "";
  imageId = "";
  error = "";
  readonly lines: string[] = [];

  /** The lines of this event. */
  add(event: BuildEvent): string[] {
    if (event.aux?.ID) this.imageId = event.aux.ID;
    if (event.error) this.error = event.error.trim();
    const output = event.stream ?? (event.status ? `${event.id ? `${event.id}: ` : ""}${event.status}` : "");
    const lines = output.split(/\r?\n|\r/).filter((line) => line.trim() !== "" && !BOOKKEEPING.test(line));
    for (const line of lines) {
      if (/^Step \d+\/\d+ : /.test(line)) {
        this.step = line;
        this.lines.length = 0;
      }
      this.lines.push(line);
    }
    if (this.lines.length > OUTPUT_LINES) this.lines.splice(0, this.lines.length - OUTPUT_LINES);
    return lines;
  }
}

export async function build(request: BuildRequest, context: Context): Promise<string> {
  const folder = resolve(request.context);
  if (!existsSync(folder)) throw new Error(`image ${request.name}: its build context ${folder} does not exist`);
  const dockerfile = resolve(request.dockerfile);
  if (!existsSync(dockerfile)) throw new Error(`image ${request.name}: its Dockerfile ${dockerfile} does not exist`);

  const log = new BuildLog();
  const started = Date.now();
  let shown = started;
  const show = (line: string) => {
    shown = Date.now();
    context.status(line.length > SHOWN_LENGTH ? `${line.slice(0, SHOWN_LENGTH - 1)}…` : line);
  };
  const heartbeat = setInterval(() => {
    if (Date.now() - shown < SILENCE_MS) return;
    show(`${Math.round((Date.now() - started) / 1000)} s: ${log.lines.at(-1) ?? "sending the build context"}`);
  }, 1_000);
  try {
    const { stream, dockerfileName } = await contextArchive(folder, dockerfile);
    const response = await engineCall(
      () =>
        engine().buildImage(Readable.from(stream), {
          t: request.name,
          dockerfile: dockerfileName,
          // Also after a failed step: the container of it would stay on the engine for ever.
          forcerm: true,
          ...request.options,
          abortSignal: context.signal,
        }),
      `image ${request.name} could not be built`,
    );
    await new Promise<void>((done, reject) => {
      engine().modem.followProgress(
        response,
        // The error event has been taken into the log, with more around it than the callback tells.
        (error) => (error && !log.error ? reject(error) : done()),
        (event: BuildEvent) => {
          for (const line of log.add(event)) if (line === log.step) show(line);
        },
      );
    });
  } finally {
    clearInterval(heartbeat);
  }
  if (log.error) throw new Error(buildFailure(request.name, log));
  return log.imageId;
}

/** The failing step, what it printed, and the builder's own words. */
export function buildFailure(name: string, log: BuildLog): string {
  const output = log.lines.filter((line) => line !== log.step).join("\n");
  return `image ${name} could not be built: ${log.error}\nin: ${log.step || "(before the first step)"}\n${output}`.trimEnd();
}

/** A Dockerfile outside of the context travels along under a name of its own. */
async function contextArchive(folder: string, dockerfile: string) {
  const inside = relative(folder, dockerfile);
  const isOutside = inside.startsWith("..") || isAbsolute(inside);
  const files = await contextFiles(folder, dockerfile);
  const wanted = new Set(files.map(({ path }) => path));
  const dockerfileName = isOutside ? ".dockerfile-of-the-build" : inside.split("\\").join("/");
  // The builder reads both even where .dockerignore excludes them.
  if (!isOutside) wanted.add(dockerfileName);
  if (existsSync(join(folder, ".dockerignore"))) wanted.add(".dockerignore");
  const content = isOutside ? await readFile(dockerfile) : undefined;
  const stream = tarFs.pack(folder, {
    entries: [...wanted],
    // Who owns the files here is nobody's business in the image, and would miss the build cache elsewhere.
    map: (header) => ({ ...header, uid: 0, gid: 0, uname: "", gname: "" }),
    ...(content
      ? {
          finalize: false,
          finish: (pack) => {
            pack.entry({ name: dockerfileName, mode: 0o644 }, content);
            pack.finalize();
          },
        }
      : {}),
  });
  return { stream, dockerfileName };
}
