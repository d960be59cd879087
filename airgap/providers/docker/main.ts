/** Stand-in for the `docker` provider plugin 5.2.0. Run by the engine as `pulumi-resource-docker <engine address>`. */
import "../../compile-cache.ts";
import { type Provider, serveProvider } from "../provider.ts";
import type { Failure } from "../schema.ts";
import { connect, connectOptions, engineAddress } from "./client.ts";
import { container } from "./container.ts";
import { image } from "./image.ts";
import { getNetwork, network } from "./network.ts";
import { getRemoteImage, remoteImage } from "./remote-image.ts";
import { tag } from "./tag.ts";
import { volume } from "./volume.ts";

const SUPPORTED_CONFIG = new Set(["host", "disableDockerDaemonCheck", "version", "pluginDownloadURL"]);

const provider: Provider = {
  name: "docker",
  version: "5.2.0",
  resources: {
    "docker:index/container:Container": container,
    "docker:index/image:Image": image,
    "docker:index/network:Network": network,
    "docker:index/remoteImage:RemoteImage": remoteImage,
    "docker:index/tag:Tag": tag,
    "docker:index/volume:Volume": volume,
  },
  functions: {
    "docker:index/getNetwork:getNetwork": getNetwork,
    "docker:index/getRemoteImage:getRemoteImage": getRemoteImage,
  },
  checkConfig(config) {
    const failures: Failure[] = Object.keys(config)
      .filter((key) => !SUPPORTED_CONFIG.has(key) && !key.startsWith("__"))
      .map((property) => ({
        property,
        reason:
          "is not supported by the stand-in for the docker provider: it takes `host`, and uses the login of the " +
          "engine's host for registries",
      }));
    try {
      connectOptions(engineAddress(config));
    } catch (error) {
      failures.push({ property: "host", reason: (error as Error).message });
    }
    return failures;
  },
  configure: connect,
};

await serveProvider(provider, process.argv.slice(2));
