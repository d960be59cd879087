/** Grafana Loki for its stand-in: built from its Go modules, as its releases are only images and downloads. */
import type { Step } from "../cli/progress.ts";
import { ask } from "../cli/run.ts";
import { type GoProgram, pinnedVersion, provideGoProgram } from "./go-program.ts";

/** Built as upstream's own Dockerfile does it: static, with Go's resolver. */
const loki: GoProgram = {
  name: "loki",
  folder: "loki",
  module: "github.com/grafana/loki/v3",
  package: "github.com/grafana/loki/v3/cmd/loki",
  stamp: { variable: "github.com/grafana/loki/v3/pkg/util/build.Version", value: (version) => version },
  tags: "netgo",
  env: { CGO_ENABLED: "0" },
  versionOf: async (executable) => {
    const { ok, stdout } = await ask(executable, ["-version"]);
    return ok ? /^loki, version ([0-9.]+)/m.exec(stdout)?.[1] : undefined;
  },
};

/** The version that airgap/loki/go.mod pins. */
export const lokiVersion = () => pinnedVersion(loki);

/** Sees to it that there is a Loki executable; resolves to its path. */
export const provideLoki = (step: Step, cache: string) => provideGoProgram(step, cache, loki, "10 to 20 minutes");
