/** The engine's JSON streams (pull, build, import), followed to their end. */
import type Docker from "dockerode";
import type { Step } from "../cli/progress.ts";

interface StreamEvent {
  stream?: string;
  status?: string;
  id?: string;
  progress?: string;
  error?: string;
}

/**
 * Follows a stream to its end and feeds its lines to the step's progress.
 *
 * @throws Error with the engine's own message and the last lines before it, when the engine reports an error.
 */
export async function follow(docker: Docker, stream: NodeJS.ReadableStream, step: Step): Promise<void> {
  const lines: string[] = [];
  // What the engine itself reports is an event like any other to the client library.
  let reported: string | undefined;
  await new Promise<void>((resolve, reject) => {
    docker.modem.followProgress(
      stream,
      (error: Error | null) => {
        const fault = error?.message ?? reported;
        if (fault === undefined) resolve();
        else reject(new Error([...lines.slice(-15), fault].join("\n")));
      },
      (event: StreamEvent) => {
        reported ??= event.error;
        const text = event.stream ?? [event.status, event.id, event.progress].filter(Boolean).join(" ");
        for (const line of text.split("\n")) {
          if (line.trim() === "") continue;
          lines.push(line.trimEnd());
          step.tail(line);
        }
      },
    );
  });
}
