import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { goLack } from "../../airgap/go-program.ts";
import { dockerfileOf, labelsOf, officialImages } from "../../airgap/image-recipe.ts";
import { lokiVersion } from "../../airgap/loki.ts";
import { projectFolder } from "../../cli/paths.ts";
import { backendNamed } from "../../components/backends/catalogue.ts";
import type { BackendName } from "../../components/backends/definition.ts";
import { host } from "./fixtures.ts";

const textOf = (backend: BackendName, file: string) =>
  readFileSync(join(projectFolder, backendNamed(backend).context, file), "utf8");

describe("the stand-in for Loki", () => {
  test("is of the version that the official image has", () => {
    expect(officialImages.loki).toBe(`grafana/loki:${lokiVersion()}`);
    expect(labelsOf("loki", host, "now")["org.opencontainers.image.description"]).toBe(
      `Stand-in for grafana/loki:${lokiVersion()} where no image registry answers: Grafana Loki ${lokiVersion()} built from its Go modules on mcp-airgap/debian:13`,
    );
  });

  test("needs a Go that can fetch the toolchain which the modules ask for", () => {
    expect([undefined, "go1.20.14", "go1.21.0", "go1.26.8"].map(goLack)).toEqual([
      "there is none",
      "go1.20.14 is too old",
      undefined,
      undefined,
    ]);
  });
});

test("the stand-in for Netdata takes its packages alone from Debian 12, and leaves no trace of it in apt", () => {
  const lines = dockerfileOf("netdata", host).split("\n");
  expect(lines.slice(3, 5)).toEqual([
    "RUN printf 'Types: deb\\nURIs: http://mirror.example/debian\\nSuites: bookworm\\nComponents: main\\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\\n' > /etc/apt/sources.list.d/debian-12.sources \\",
    "  && printf 'Package: *\\nPin: release n=bookworm\\nPin-Priority: -1\\n\\nPackage: netdata-core netdata-plugins-bash\\nPin: release n=bookworm\\nPin-Priority: 500\\n' > /etc/apt/preferences.d/debian-12",
  ]);
  expect(lines).toContain("  && rm /etc/apt/sources.list.d/debian-12.sources /etc/apt/preferences.d/debian-12 \\");
});

describe("Loki", () => {
  const loki = backendNamed("loki");

  test("keeps lines for the configured days and collects garbage before it reaches its limit", () => {
    expect(loki.envs?.({ retentionDays: 7 }, { memory: 512 })).toEqual({
      LOKI_RETENTION: "168h",
      GOMEMLIMIT: "409MiB",
    });
    expect(loki.envs?.({ retentionDays: 30 }, { memory: 1024 })).toMatchObject({ LOKI_RETENTION: "720h" });
  });

  test("is built on an image without a shell", () => {
    expect(textOf("loki", "Dockerfile")).not.toMatch(/^(RUN|SHELL|CMD [^[]|ENTRYPOINT [^[])/m);
    expect(loki.healthcheck[0]).toBe("CMD");
  });

  test("reports nothing to anybody", () => {
    expect(textOf("loki", "config.yaml")).toMatch(/^analytics:\n {2}reporting_enabled: false$/m);
  });
});

describe("Netdata", () => {
  const netdata = backendNamed("netdata");

  test("sees the host by two read-only folders of it, and not the engine's socket", () => {
    expect(netdata.mounts).toEqual([
      { source: "/proc", target: "/host/proc", writable: false },
      { source: "/sys", target: "/host/sys", writable: false },
    ]);
  });

  test("runs no plugin that needs a privilege, and nothing that looks for company", () => {
    const plugins = /^\[plugins\]\n((?: {4}.+\n)+)/m.exec(textOf("netdata", "netdata.conf"))?.[1] ?? "";
    const on = plugins.split("\n").filter((line) => line.endsWith("= yes"));
    expect(on.map((line) => line.trim())).toEqual(["proc = yes", "cgroups = yes", "diskspace = yes"]);
    expect(plugins).toContain("enable running new plugins = no\n");
    expect(textOf("netdata", "netdata.conf")).toMatch(/^\[registry\]\n {4}enabled = no$/m);
    expect(textOf("netdata", "Dockerfile")).toContain("touch /etc/netdata/.opt-out-from-anonymous-statistics");
  });
});
