import * as docker from "@pulumi/docker";
import type * as pulumi from "@pulumi/pulumi";
import type { ImagePlan } from "./plan.ts";

/**
 * Builds an image on the engine. A `RemoteImage`, not an `Image`: a refresh sees when somebody removed it, and
 * destroying it takes it off the engine. Its name carries a digest of what goes in, since the provider watches no
 * files and removes a replaced image by name.
 */
export function buildImage(
  name: string,
  plan: ImagePlan,
  opts: pulumi.CustomResourceOptions,
  transform: (args: docker.RemoteImageArgs) => docker.RemoteImageArgs = (args) => args,
): docker.RemoteImage {
  const build = { context: plan.context, buildArgs: { ...plan.buildArgs } };
  return new docker.RemoteImage(
    name,
    transform({ name: plan.name, build, keepLocally: false, forceRemove: true }),
    opts,
  );
}
