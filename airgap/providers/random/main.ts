/** Stand-in for the `random` provider plugin 4.21.2. Run by the engine as `pulumi-resource-random <engine address>`. */
import "../../compile-cache.ts";
import { serveProvider } from "../provider.ts";
import { resources } from "./resources.ts";

await serveProvider(
  {
    name: "random",
    version: "4.21.2",
    resources,
    functions: {},
    checkConfig: (config) =>
      Object.keys(config)
        .filter((key) => key !== "version" && key !== "pluginDownloadURL" && !key.startsWith("__"))
        .map((property) => ({ property, reason: "is not an option of the random provider" })),
    async configure() {},
  },
  process.argv.slice(2),
);
