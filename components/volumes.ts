import * as docker from "@pulumi/docker";
import type * as pulumi from "@pulumi/pulumi";

/**
 * A volume for data that outlives container and stack: destroying the stack leaves it on the engine, and the next `up`
 * takes it over, since an engine answers the making of a volume that is there with that volume.
 */
export const dataVolume = (
  logicalName: string,
  name: string,
  type: string,
  opts: pulumi.CustomResourceOptions,
): docker.Volume =>
  new docker.Volume(
    logicalName,
    { name, labels: [{ label: "com.mcp.type", value: type }] },
    { ...opts, retainOnDelete: true },
  );
