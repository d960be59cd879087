/** What the stand-in base images are made of, as plain data: names, labels, Dockerfiles, and a digest to know them by. */
import { createHash } from "node:crypto";
import { defaultBaseImages } from "../config/schema.ts";

export const baseImageNames = ["debian", "node", "python"] as const;
export type BaseImageName = (typeof baseImageNames)[number];

/** The images that the normal way uses, from Docker Hub. */
export const officialImages: Readonly<Record<BaseImageName, string>> = defaultBaseImages;

/** The names of the stand-ins. */
export const standInImages: Readonly<Record<BaseImageName, string>> = {
  debian: "mcp-airgap/debian:13",
  node: "mcp-airgap/node:24",
  python: "mcp-airgap/python:3.13",
};

/** Label by which a stand-in is known to be ours and made by this very recipe. */
export const RECIPE_LABEL = "com.mcp.airgap.recipe";

/** Debian 13. */
export const SUITE = "trixie";

/** The npm that the stand-in for Node carries: the major that Node 24 ships. */
export const NPM_VERSION = "11.21.2";

/** Raised when the steps in debian-image.ts change in a way that the facts below do not show. */
const REVISION = 1;

/** What the host decides about its stand-ins. */
export interface HostFacts {
  /** Debian mirror, or undefined for Debian's own. */
  mirror: string;
  security: string;
  /** Authorities that only the host knows, as PEM. */
  certificates: readonly string[];
  /** npm registry and PyPI index, where the host uses others than the public ones. */
  npmRegistry: string | undefined;
  pipIndex: string | undefined;
  nodeVersion: string;
  arch: string;
}

/** A digest of all that decides what is in the image. Images further up contain what is below them. */
export function recipeOf(name: BaseImageName, facts: HostFacts): string {
  const debian = [REVISION, SUITE, facts.mirror, facts.security, facts.certificates, facts.arch];
  const own = {
    debian: [],
    node: [dockerfileOf("node", facts), facts.npmRegistry],
    python: [dockerfileOf("python", facts), facts.pipIndex],
  }[name];
  return createHash("sha256")
    .update(JSON.stringify([debian, own]))
    .digest("hex")
    .slice(0, 16);
}

/** Labels of a stand-in; they say plainly that it is none of the official images. */
export function labelsOf(name: BaseImageName, facts: HostFacts, created: string): Record<string, string> {
  const content = {
    debian: `Debian 13 (${SUITE}) made on this host with debootstrap`,
    node: `Node.js ${facts.nodeVersion} from npm's \`node\` package and npm ${NPM_VERSION} on ${standInImages.debian}`,
    python: `Python 3.13 from Debian's packages on ${standInImages.debian}`,
  }[name];
  return {
    "org.opencontainers.image.title": standInImages[name],
    "org.opencontainers.image.description": `Stand-in for ${officialImages[name]} where no image registry answers: ${content}`,
    "org.opencontainers.image.created": created,
    [RECIPE_LABEL]: recipeOf(name, facts),
  };
}

/** How the images on top of the Debian one are built. Paths and user ids are those of the official images. */
export function dockerfileOf(name: "node" | "python", facts: HostFacts): string {
  const lines = name === "node" ? nodeLines(facts) : pythonLines(facts);
  return `${[`FROM ${standInImages.debian}`, ...lines].join("\n")}\n`;
}

function nodeLines(facts: HostFacts): string[] {
  return [
    `ENV NODE_VERSION=${facts.nodeVersion}`,
    "COPY node /usr/local/bin/node",
    "COPY npm /usr/local/lib/node_modules/npm",
    ...(facts.npmRegistry === undefined ? [] : ["COPY npmrc /usr/local/etc/npmrc"]),
    "RUN groupadd --gid 1000 node \\",
    "  && useradd --uid 1000 --gid node --shell /bin/bash --create-home node \\",
    "  && ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \\",
    "  && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx \\",
    "  && ln -s node /usr/local/bin/nodejs \\",
    "  && node --version && npm --version",
    'CMD ["node"]',
  ];
}

function pythonLines(facts: HostFacts): string[] {
  return [
    "ENV LANG=C.UTF-8",
    ...(facts.pipIndex === undefined ? [] : ["COPY pip.conf /etc/pip.conf"]),
    "RUN apt-get update \\",
    "  && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3 python3-venv python3-pip python-is-python3 \\",
    "  && rm -rf /var/lib/apt/lists/* /var/log/*.log /var/log/apt /var/cache/debconf/*-old \\",
    // The official image lets pip install into the system's Python (PEP 668 marks Debian's as off limits).
    "  && rm -f /usr/lib/python3.*/EXTERNALLY-MANAGED \\",
    "  && python --version && pip --version",
    'CMD ["python3"]',
  ];
}
