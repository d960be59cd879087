/** What `npm run doctor` says, decided from what was found; nothing here touches the machine. */
import type { BaseImageChoice } from "../airgap/base-images.ts";
import type { EngineDecision } from "../airgap/engine-choice.ts";
import type { BaseImageName } from "../airgap/image-recipe.ts";
import type { CliDecision } from "../airgap/pulumi-cli.ts";
import type { Backend } from "./backend.ts";
import { atLeast } from "./programs.ts";

/** One line of the diagnosis. `set up` is no fault: `npm run up` sees to it. */
export interface Finding {
  subject: string;
  verdict: "ok" | "set up" | "fault";
  text: string;
  remedy?: string;
}

/** A port that the stack publishes, and who has it now. */
export interface PortFacts {
  server: string;
  address: string;
  port: number;
  /** Undefined when it is free. */
  holder: { name: string; ours: boolean } | undefined;
}

/** A base image: what would be used, and whether an official one answers to its name. */
interface ImageFacts {
  name: BaseImageName;
  official: string;
  choice: BaseImageChoice;
  /** The image is on the engine already. */
  present: boolean;
}

/** All that was found. */
export interface DoctorFacts {
  node: string;
  /** Undefined when package-lock.json's packages are not all there. */
  packages: string | undefined;
  engine: EngineDecision;
  /** API version, address, cgroup version, storage driver; empty when no engine answers. */
  engineDetails: string;
  cli: CliDecision;
  cliVersion: string | undefined;
  go: string | undefined;
  languageHost: boolean;
  plugins: { official: string[]; missing: string[] };
  reachable: boolean;
  /** Stand-ins for base images can be made here: root on Debian or Ubuntu. */
  canBuildImages: boolean;
  images: ImageFacts[];
  registry: string | undefined;
  backend: Backend;
  passphrase: boolean;
  /** Free space of the folders that are written to, in bytes. */
  disks: { path: string; free: number }[];
  ports: PortFacts[];
}

const LEAST_NODE = "24.0.0";

/** Bytes that a set-up from nothing needs: Go's caches, the CLI, base images, the images of the servers. */
const NEEDED_BYTES = 6e9;

/** Bytes below which even a set-up that is complete may fail to build an image. */
const LEAST_BYTES = 1e9;

/** Every finding, in the order in which the set-up goes. */
export function diagnose(facts: DoctorFacts): Finding[] {
  return [
    nodeFinding(facts),
    packagesFinding(facts),
    engineFinding(facts),
    cliFinding(facts),
    goFinding(facts),
    ...pluginFindings(facts),
    ...facts.images.map((image) => imageFinding(image, facts)),
    backendFinding(facts),
    ...facts.disks.map(diskFinding),
    ...facts.ports.map(portFinding),
  ];
}

/** Whether `npm run up` would work as far as can be seen. */
export function healthy(findings: readonly Finding[]): boolean {
  return findings.every(({ verdict }) => verdict !== "fault");
}

/** The findings as text: one line each, and what to do below it. */
export function renderFindings(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ subject }) => subject.length));
  const lines = findings.flatMap(({ subject, verdict, text, remedy }) => [
    `${{ ok: "ok    ", "set up": "set up", fault: "FAULT " }[verdict]}  ${subject.padEnd(width)}  ${text}`,
    ...(remedy === undefined ? [] : [`${" ".repeat(width + 10)}→ ${remedy}`]),
  ]);
  const faults = findings.filter(({ verdict }) => verdict === "fault").length;
  const todo = findings.filter(({ verdict }) => verdict === "set up").length;
  const sum =
    faults > 0
      ? `\`npm run up\` would not work: ${faults} fault${faults === 1 ? "" : "s"}`
      : `\`npm run up\` would work${todo > 0 ? `, and set up ${todo} thing${todo === 1 ? "" : "s"} first` : ""}`;
  return [...lines, "", sum].join("\n");
}

function nodeFinding({ node }: DoctorFacts): Finding {
  if (atLeast(node, LEAST_NODE)) return { subject: "node", verdict: "ok", text: node };
  return { subject: "node", verdict: "fault", text: `${node} is too old`, remedy: "run it by npm (npm run doctor)" };
}

function packagesFinding({ packages }: DoctorFacts): Finding {
  return packages === undefined
    ? { subject: "packages", verdict: "set up", text: "not as package-lock.json says: `npm run up` installs them" }
    : { subject: "packages", verdict: "ok", text: packages };
}

function engineFinding({ engine, engineDetails }: DoctorFacts): Finding {
  const subject = "engine";
  if (engine.do === "use") return { subject, verdict: "ok", text: `Docker Engine ${engine.version}, ${engineDetails}` };
  if (engine.do === "refuse") return { subject, verdict: "fault", text: engine.message, remedy: engine.remedy };
  const how = engine.install ? "installs and starts the distribution's" : "starts the one that is installed";
  return { subject, verdict: "set up", text: `none answers: \`npm run up\` ${how}` };
}

function cliFinding({ cli, cliVersion }: DoctorFacts): Finding {
  const subject = "pulumi";
  switch (cli.use) {
    case "none":
      return { subject, verdict: "fault", text: cli.message, remedy: cli.remedy };
    case "download":
      return { subject, verdict: "set up", text: `${cli.why}: \`npm run up\` downloads the official one` };
    case "build":
      return { subject, verdict: "set up", text: `${cli.why}: \`npm run up\` builds it from its Go modules (minutes)` };
    default: {
      const kind = { path: "on PATH", downloaded: "official download", built: "built from Go modules" }[cli.use];
      return { subject, verdict: "ok", text: `${cliVersion ?? "?"}, ${kind}: ${cli.path}` };
    }
  }
}

function goFinding({ go, cli }: DoctorFacts): Finding {
  const needed = cli.use === "build" ? "" : " (not needed: there is a Pulumi CLI)";
  return { subject: "go", verdict: "ok", text: go === undefined ? `none${needed}` : `${go}${needed}` };
}

function pluginFindings({ cli, languageHost, plugins, reachable }: DoctorFacts): Finding[] {
  const comes = cli.use === "download";
  const host: Finding =
    languageHost || comes
      ? { subject: "language host", verdict: "ok", text: comes ? "comes with the download" : "official" }
      : {
          subject: "language host",
          verdict: "ok",
          text: "stand-in airgap/language-host.ts: the CLI comes without one",
        };
  return [
    host,
    ...plugins.official.map((text): Finding => ({ subject: "plugin", verdict: "ok", text: `${text}, official` })),
    ...plugins.missing.map(
      (text): Finding =>
        reachable
          ? { subject: "plugin", verdict: "set up", text: `${text}: \`npm run up\` installs the official one` }
          : {
              subject: "plugin",
              verdict: "ok",
              text: `${text}, stand-in airgap/providers: get.pulumi.com does not answer`,
            },
    ),
  ];
}

function imageFinding({ name, official, choice, present }: ImageFacts, facts: DoctorFacts): Finding {
  const subject = `image ${name}`;
  if (choice.use === "configured") return { subject, verdict: "ok", text: `${choice.image} (mcp:images)` };
  if (choice.use === "official") {
    return present
      ? { subject, verdict: "ok", text: choice.image }
      : { subject, verdict: "set up", text: `\`npm run up\` pulls ${choice.image}` };
  }
  if (!choice.build) return { subject, verdict: "ok", text: `stand-in ${choice.image}` };
  const why = `no registry gives ${official} (${facts.registry ?? "not asked"})`;
  if (facts.canBuildImages) {
    return { subject, verdict: "set up", text: `${why}: \`npm run up\` builds ${choice.image} with debootstrap` };
  }
  return {
    subject,
    verdict: "fault",
    text: `${why}, and a stand-in needs root on Debian or Ubuntu`,
    remedy: `npm run pulumi -- config set --path 'mcp:images.${name}' <an image that this engine can pull>`,
  };
}

function backendFinding({ backend, passphrase }: DoctorFacts): Finding {
  if (!backend.own) return { subject: "backend", verdict: "ok", text: backend.description };
  const whose = backend.ownPassphrase
    ? passphrase
      ? "passphrase .mcp/passphrase"
      : "`npm run up` makes a passphrase"
    : "passphrase of the environment";
  return {
    subject: "backend",
    verdict: backend.ownPassphrase && !passphrase ? "set up" : "ok",
    text: `${backend.description}, ${whose}`,
  };
}

function diskFinding({ path, free }: { path: string; free: number }): Finding {
  const text = `${(free / 1e9).toFixed(1)} GB free at ${path}`;
  if (free >= NEEDED_BYTES) return { subject: "disk", verdict: "ok", text };
  const remedy = "make room (npm run clean, docker image prune)";
  if (free < LEAST_BYTES) return { subject: "disk", verdict: "fault", text, remedy };
  return {
    subject: "disk",
    verdict: "ok",
    text: `${text}; a set-up from nothing needs about ${NEEDED_BYTES / 1e9} GB`,
  };
}

function portFinding({ server, address, port, holder }: PortFacts): Finding {
  const subject = `port ${port}`;
  if (holder === undefined) return { subject, verdict: "ok", text: `free at ${address}, for ${server}` };
  if (holder.ours) return { subject, verdict: "ok", text: `held by ${holder.name}, which is ${server}` };
  return {
    subject,
    verdict: "fault",
    text: `wanted for ${server}, but held by ${holder.name}`,
    remedy: `stop that, or choose another: npm run pulumi -- config set --path 'mcp:servers.${server}.port' <port>`,
  };
}
