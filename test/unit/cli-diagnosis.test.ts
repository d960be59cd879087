import { describe, expect, it } from "vitest";
import { type DoctorFacts, diagnose, healthy, renderFindings } from "../../cli/diagnosis.ts";

const well: DoctorFacts = {
  node: "v24.21.0",
  packages: "as package-lock.json says",
  engine: { do: "use", version: "28.2.2" },
  engineDetails: "API 1.50, default socket, cgroup v2, overlay2",
  cli: { use: "path", path: "/usr/bin/pulumi" },
  cliVersion: "v3.270.0",
  go: undefined,
  languageHost: true,
  plugins: { official: ["docker 5.2.0"], missing: [] },
  reachable: true,
  canBuildImages: false,
  images: [
    {
      name: "node",
      official: "node:24-trixie-slim",
      choice: { use: "official", image: "node:24-trixie-slim" },
      present: true,
    },
  ],
  registry: undefined,
  backend: { own: true, description: "folder .mcp/state", ownPassphrase: true },
  passphrase: true,
  disks: [{ path: "/var", free: 50e9 }],
  ports: [{ server: "fetch", address: "127.0.0.1", port: 8504, holder: undefined }],
};

const finding = (facts: Partial<DoctorFacts>, subject: string) => {
  const found = diagnose({ ...well, ...facts }).find((candidate) => candidate.subject === subject);
  if (found === undefined) throw new Error(`no finding about ${subject}`);
  return found;
};

describe("the diagnosis", () => {
  it("of a machine that has everything is one ok after the other", () => {
    const findings = diagnose(well);
    expect(findings.every(({ verdict }) => verdict === "ok")).toBe(true);
    expect(healthy(findings)).toBe(true);
    expect(renderFindings(findings).split("\n").slice(-2)).toEqual(["", "`npm run up` would work"]);
  });

  it("names what `up` would do first, which is no fault", () => {
    const findings = diagnose({
      ...well,
      engine: { do: "start", install: true },
      cli: { use: "build", why: "no Pulumi CLI" },
      passphrase: false,
    });
    expect(findings.filter(({ verdict }) => verdict === "set up").map(({ subject }) => subject)).toEqual([
      "engine",
      "pulumi",
      "backend",
    ]);
    expect(healthy(findings)).toBe(true);
    expect(renderFindings(findings)).toMatch(/`npm run up` would work, and set up 3 things first$/);
  });

  it("gives each fault its remedy", () => {
    const findings = diagnose({
      ...well,
      engine: { do: "refuse", message: "no Docker engine answers", remedy: "start it" },
      ports: [{ server: "fetch", address: "127.0.0.1", port: 8504, holder: { name: "container web", ours: false } }],
    });
    expect(healthy(findings)).toBe(false);
    const text = renderFindings(findings);
    expect(text).toContain("FAULT   engine         no Docker engine answers\n");
    expect(text).toContain("→ start it\n");
    expect(text).toContain("FAULT   port 8504      wanted for fetch, but held by container web\n");
    expect(text).toContain(
      "→ stop that, or choose another: npm run pulumi -- config set --path 'mcp:servers.fetch.port' <port>\n",
    );
    expect(text).toMatch(/`npm run up` would not work: 2 faults$/);
  });

  it("knows our own server on its port", () => {
    const holder = { name: "container mcp-fetch", ours: true };
    const ports = [{ server: "fetch", address: "127.0.0.1", port: 8504, holder }];
    expect(finding({ ports }, "port 8504")).toMatchObject({
      verdict: "ok",
      text: "held by container mcp-fetch, which is fetch",
    });
  });

  it("tells apart a stand-in image that is there, one to be made, and one that cannot be made", () => {
    const image = (build: boolean) => ({
      registry: "no such host",
      images: [
        {
          name: "node" as const,
          official: "node:24-trixie-slim",
          choice: { use: "stand-in" as const, image: "mcp-airgap/node:24", build },
          present: false,
        },
      ],
    });
    expect(finding(image(false), "image node")).toMatchObject({ verdict: "ok", text: "stand-in mcp-airgap/node:24" });
    expect(finding({ ...image(true), canBuildImages: true }, "image node")).toMatchObject({ verdict: "set up" });
    expect(finding(image(true), "image node")).toEqual({
      subject: "image node",
      verdict: "fault",
      text: "no registry gives node:24-trixie-slim (no such host), and a stand-in needs root on Debian or Ubuntu",
      remedy: "npm run pulumi -- config set --path 'mcp:images.node' <an image that this engine can pull>",
    });
  });

  it("says which plugins are stand-ins, and why", () => {
    const plugins = { official: [], missing: ["docker 5.2.0"] };
    expect(finding({ plugins, reachable: false }, "plugin")).toMatchObject({
      verdict: "ok",
      text: "docker 5.2.0, stand-in airgap/providers: get.pulumi.com does not answer",
    });
    expect(finding({ plugins, reachable: true }, "plugin").verdict).toBe("set up");
  });

  it("counts a full disk as a fault, a scarce one as a note", () => {
    expect(finding({ disks: [{ path: "/var", free: 5e8 }] }, "disk").verdict).toBe("fault");
    expect(finding({ disks: [{ path: "/var", free: 3e9 }] }, "disk")).toEqual({
      subject: "disk",
      verdict: "ok",
      text: "3.0 GB free at /var; a set-up from nothing needs about 6 GB",
    });
  });
});
