/** Images that have to be there: found on the engine, or pulled where a registry answers. */
import type { ImageInspectInfo } from "dockerode";
import type { Context } from "../provider.ts";
import { engine, engineCall, findOrUndefined } from "./client.ts";

interface PullEvent {
  status?: string;
  id?: string;
  error?: string;
}

export function inspectImage(name: string): Promise<ImageInspectInfo | undefined> {
  return findOrUndefined(() => engine().getImage(name).inspect());
}

/** The image of that name or id; pulled when the engine does not have it. */
export async function ensureImage(name: string, context: Context, platform = ""): Promise<ImageInspectInfo> {
  const found = await inspectImage(name);
  if (found) return found;
  const doing = `image ${name} is not on the Docker engine and could not be pulled`;
  if (name.startsWith("sha256:")) {
    throw new Error(
      `image ${name} is not on the Docker engine any more; rebuild it: refresh, or replace the image resource ` +
        "(`pulumi up --replace <urn>`)",
    );
  }
  await engineCall(async () => {
    const stream = await engine().pull(withTag(name), platform ? { platform } : {});
    await new Promise<void>((resolve, reject) => {
      engine().modem.followProgress(
        stream,
        (error) => (error ? reject(error) : resolve()),
        (event: PullEvent) => context.status(`pulling ${name}: ${event.status ?? ""} ${event.id ?? ""}`.trim()),
      );
    });
  }, doing);
  const pulled = await inspectImage(name);
  if (!pulled) throw new Error(`${doing}: no error, but no image either`);
  return pulled;
}

/** Without a tag the engine would pull every tag there is. */
export function withTag(name: string): string {
  return /@|:[^/]*$/.test(name) ? name : `${name}:latest`;
}

/** `repo@sha256:…` of an image that came from a registry; empty for one that was never pushed. */
export function repoDigest(image: ImageInspectInfo): string {
  return image.RepoDigests?.[0] ?? "";
}
