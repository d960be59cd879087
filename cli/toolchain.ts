/** All that Pulumi needs to run this program on this machine: engine, CLI, plugins, base images, backend. */

import { setGlobalProxyFromEnv } from "node:http";
import { delimiter } from "node:path";
import type Docker from "dockerode";
import { provideBaseImages } from "../airgap/base-images.ts";
import { connect, resolveDockerHost } from "../airgap/docker-host.ts";
import { provideEngine } from "../airgap/engine.ts";
import { providePlugins, userPulumiHome, wrapperFolder } from "../airgap/plugins.ts";
import { provideCli } from "../airgap/pulumi-cli.ts";
import { clearWorkFolders } from "../airgap/work-folder.ts";
import type { BaseImageName } from "../config/schema.ts";
import { type Backend, chooseBackend, findBackend, prepareBackend, stateFolder } from "./backend.ts";
import { takeLock } from "./lock.ts";
import { cacheFolder } from "./paths.ts";
import { pathWithout } from "./programs.ts";
import { createProgress, type Progress } from "./progress.ts";
import { configuredImages, imagesOf } from "./stack-file.ts";
import { removeStaleLocks } from "./stale-locks.ts";

/** Options of {@link prepareToolchain}. */
export interface ToolchainOptions {
  /** False forbids to install or start anything that outlives the clone. Default true. */
  install?: boolean;
  /** Stack whose `mcp:images` say which base images are not ours to provide. */
  stack?: string;
  /** Provide an engine. Default true; a Pulumi command such as `config` needs none. */
  engine?: boolean;
  /** Provide base images. Default true; taking a stack down needs none. */
  images?: boolean;
  progress?: Progress;
}

/** A toolchain that is ready. */
export interface Toolchain {
  /** The variables to add to an environment: PATH, backend, passphrase, plugins. */
  variables: Record<string, string>;
  /** This process's environment with them. */
  env: NodeJS.ProcessEnv;
  docker: Docker;
  backend: Backend;
  /** Base images that take the place of the official ones: values for `mcp:images`. */
  baseImages: Partial<Record<BaseImageName, string>>;
}

/**
 * Sets up what is missing, in an order in which each step may use those before it. Every step leaves either nothing
 * or the whole, so it can be interrupted at any point and run again; another run at the same time waits.
 *
 * @throws SetupError when a step can do neither its normal work nor its fallback.
 */
export async function prepareToolchain(options: ToolchainOptions = {}): Promise<Toolchain> {
  const { install = true, engine = true, images = true, stack, progress = createProgress() } = options;
  const cache = cacheFolder();
  useProxy();
  const docker = connect();
  const release = await progress.step("set-up", (step) => takeLock(cache, step));
  try {
    await clearWorkFolders(cache);
    if (engine) {
      await progress.step("engine", async (step) => {
        step.state(`Docker Engine ${await provideEngine({ docker, step, cache, install })}`);
      });
    }
    const cli = await progress.step("pulumi", async (step) => {
      const { path, kind } = await provideCli(step, cache, install);
      step.state(kind);
      return path;
    });
    const plugins = await progress.step("plugins", async (step) => {
      const { standIns, pulumiHome } = await providePlugins(step, cli, install);
      step.state(
        standIns.length === 0
          ? "official"
          : `stand-ins from airgap/ for ${standIns.join(", ")}: the official ones cannot be downloaded here`,
      );
      return { standIns, pulumiHome };
    });
    const userHome = userPulumiHome();
    const backend = chooseBackend(findBackend(userHome));
    await progress.step("backend", async (step) => {
      step.state(backend.description);
      const killed = backend.own ? removeStaleLocks(stateFolder) : [];
      if (killed.length > 0) step.say(`removed the lock that a killed Pulumi left (process ${killed.join(", ")})`);
    });
    const variables: Record<string, string> = {
      PATH: [wrapperFolder, pathWithout(process.env.PATH, wrapperFolder)].join(delimiter),
      PULUMI_SKIP_UPDATE_CHECK: "true",
      // Said also where it is the usual one: Pulumi takes it from the user database, whatever HOME says.
      PULUMI_HOME: plugins.pulumiHome ?? userHome,
      ...prepareBackend(backend),
    };
    if (plugins.pulumiHome !== undefined) {
      // A login, now or later, is kept in the user's own folder and stays theirs.
      variables.PULUMI_CREDENTIALS_PATH = process.env.PULUMI_CREDENTIALS_PATH || userHome;
    }
    const { host } = resolveDockerHost(process.env);
    if (host !== undefined) variables.DOCKER_HOST = host;
    const configured = stack === undefined ? {} : configuredImages(stack);
    const baseImages =
      engine && images
        ? await progress.step("base images", async (step) => {
            const overrides = await provideBaseImages({
              docker,
              step,
              cache,
              configured,
              install,
              ...(stack !== undefined && { names: imagesOf(stack) }),
            });
            const names = Object.values(overrides);
            step.state(names.length === 0 ? "as configured" : `stand-ins ${names.join(", ")}`);
            return overrides;
          })
        : {};
    return { variables, env: { ...process.env, ...variables }, docker, backend, baseImages };
  } finally {
    release();
  }
}

/** Node's own requests go through the proxy of the environment, as curl's and Go's do. */
function useProxy(): void {
  if (process.env.https_proxy || process.env.HTTPS_PROXY) setGlobalProxyFromEnv();
}
