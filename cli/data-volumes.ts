/** The volumes with a stack's data: destroying the stack leaves them, and only an explicit flag takes them away. */
import type Docker from "dockerode";

/** A resource in an exported state, as far as it is read here. */
export interface StateResource {
  type: string;
  retainOnDelete?: boolean;
  outputs?: { name?: unknown };
}

/** Names of the volumes that destroying a stack of these resources leaves behind. */
export function dataVolumes(resources: readonly StateResource[]): string[] {
  return resources.flatMap(({ type, retainOnDelete, outputs }) =>
    type === "docker:index/volume:Volume" && retainOnDelete && typeof outputs?.name === "string" ? [outputs.name] : [],
  );
}

/** Removes volumes from the engine; one that is not there is as good as removed. */
export async function removeVolumes(docker: Docker, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await docker
      .getVolume(name)
      .remove()
      .catch((error: { statusCode?: number }) => {
        if (error.statusCode !== 404) throw error;
      });
  }
}

/** What became of the data, in one line. */
export function aboutData(volumes: readonly string[], removed: boolean): string {
  if (volumes.length === 0) return "data: the stack kept none";
  const names = `${volumes.length === 1 ? "volume" : "volumes"} ${volumes.join(", ")}`;
  return removed
    ? `removed: ${names}`
    : `kept: data in ${names}; \`up\` takes it over, \`down --delete-data\` removes it`;
}
