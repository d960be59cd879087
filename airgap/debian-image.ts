/** The stand-in for Debian 13: debootstrap, security updates, the host's authorities, trimmed, imported. Root only. */
import { spawn } from "node:child_process";
import { appendFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type Docker from "dockerode";
import { SetupError, type Step } from "../cli/progress.ts";
import { runLogged } from "../cli/run.ts";
import { installPackages } from "./apt.ts";
import { bundleEnvironment } from "./certificates.ts";
import { follow } from "./engine-stream.ts";
import { labelsOf, standInImages } from "./image-recipe.ts";
import { type HostFacts, SUITE } from "./stand-ins.ts";
import { makeWorkFolder, removeWorkFolder } from "./work-folder.ts";

const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** What the official slim images leave out as well. */
const EXCLUDED = [
  "/usr/share/doc/*",
  "/usr/share/info/*",
  "/usr/share/locale/*",
  "/usr/share/man/*",
  "/usr/share/lintian/*",
];
const KEPT = ["/usr/share/doc/*/copyright"];

/** Makes `mcp-airgap/debian:13` on the engine. The name is given at the very end, so a broken-off run leaves none. */
export async function makeDebianImage(docker: Docker, facts: HostFacts, cache: string, step: Step): Promise<void> {
  const logFile = join(cache, "logs", "debian-image.log");
  await installPackages(step, ["debootstrap", "debian-archive-keyring"], logFile);
  const root = makeWorkFolder(cache, "debian");
  try {
    step.say(`building ${standInImages.debian} with debootstrap from ${facts.mirror} (about a minute)`);
    const remedy = `is the mirror reachable? (wget -qO- ${facts.mirror}/dists/${SUITE}/InRelease)`;
    const options = ["--variant=minbase", "--include=ca-certificates", "--force-check-gpg", `--keyring=${KEYRING}`];
    await runLogged(step, "debootstrap", [...options, SUITE, root, facts.mirror], { logFile, remedy });
    addConfiguration(root, facts);
    await updatePackages(root, facts, logFile, step);
    trim(root);
    await importRoot(docker, root, facts, step);
  } finally {
    await removeWorkFolder(root);
  }
}

/** Apt and dpkg as in the official images, and the host's authorities in the place where Debian looks for local ones. */
function addConfiguration(root: string, facts: HostFacts): void {
  const write = (path: string, text: string, mode = 0o644) => writeFileSync(join(root, path), text, { mode });
  rmSync(join(root, "etc/apt/sources.list"), { force: true });
  write("etc/apt/sources.list.d/debian.sources", sources(facts, [SUITE, `${SUITE}-updates`], true));
  write("etc/apt/apt.conf.d/docker-no-languages", 'Acquire::Languages "none";\n');
  write("etc/apt/apt.conf.d/docker-clean", 'Dir::Cache::pkgcache "";\nDir::Cache::srcpkgcache "";\n');
  appendFileSync(
    join(root, "etc/apt/apt.conf.d/docker-clean"),
    'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb || true"; };\n',
  );
  const rules = [...EXCLUDED.map((path) => `path-exclude ${path}`), ...KEPT.map((path) => `path-include ${path}`)];
  write("etc/dpkg/dpkg.cfg.d/docker", `force-unsafe-io\n${rules.join("\n")}\n`);
  // A package that would start its service during a build must not.
  write("usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755);
  mkdirSync(join(root, "usr/local/share/ca-certificates"), { recursive: true });
  for (const [index, pem] of facts.certificates.entries()) {
    write(`usr/local/share/ca-certificates/host-${index + 1}.crt`, `${pem}\n`);
  }
}

/** Sources in apt's deb822 form. */
export function sources(facts: HostFacts, suites: string[], security: boolean): string {
  const entry = (uri: string, names: string[]) =>
    `Types: deb\nURIs: ${uri}\nSuites: ${names.join(" ")}\nComponents: main\nSigned-By: ${KEYRING}\n`;
  return [entry(facts.mirror, suites), ...(security ? [entry(facts.security, [`${SUITE}-security`])] : [])].join("\n");
}

async function updatePackages(root: string, facts: HostFacts, logFile: string, step: Step): Promise<void> {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C", PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };
  const chroot = (...args: string[]) => runLogged(step, "chroot", [root, ...args], { logFile, env });
  await chroot("update-ca-certificates");
  try {
    await chroot("apt-get", "-o", "APT::Update::Error-Mode=any", "update");
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    step.say("the mirror lacks Debian's updates or security updates: the image has neither");
    writeFileSync(join(root, "etc/apt/sources.list.d/debian.sources"), sources(facts, [SUITE], false));
    await chroot("apt-get", "update");
  }
  await chroot("apt-get", "-y", "dist-upgrade");
  await chroot("apt-get", "clean");
}

/** Leaves out what no container needs, and what belongs to this host. */
function trim(root: string): void {
  for (const folder of ["usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man", "usr/share/lintian"]) {
    removeAllBut(join(root, folder), "copyright");
  }
  for (const folder of ["var/lib/apt/lists", "var/cache/apt", "var/cache/debconf", "var/log", "tmp"]) {
    for (const name of namesIn(join(root, folder))) rmSync(join(root, folder, name), { recursive: true, force: true });
  }
  mkdirSync(join(root, "var/cache/apt/archives/partial"), { recursive: true });
  mkdirSync(join(root, "var/lib/apt/lists/partial"), { recursive: true });
  rmSync(join(root, "var/cache/ldconfig/aux-cache"), { force: true });
  for (const file of ["etc/resolv.conf", "etc/hostname", "etc/machine-id"]) writeFileSync(join(root, file), "");
}

function removeAllBut(folder: string, kept: string): void {
  for (const entry of readdirSync(folder, { withFileTypes: true, recursive: true })) {
    if (!entry.isDirectory() && entry.name !== kept) rmSync(join(entry.parentPath, entry.name), { force: true });
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

async function importRoot(docker: Docker, root: string, facts: HostFacts, step: Step): Promise<void> {
  step.tail("importing into the engine");
  const [repo, tag] = standInImages.debian.split(":");
  const labels = Object.entries(labelsOf("debian", facts, new Date().toISOString()));
  // Only a host with authorities of its own needs tools told to use them.
  const environment = facts.certificates.length > 0 ? Object.entries(bundleEnvironment) : [];
  const changes = [
    'CMD ["bash"]',
    ...environment.map(([name, value]) => `ENV ${name}=${value}`),
    ...labels.map(([name, value]) => `LABEL ${name}=${JSON.stringify(value)}`),
  ];
  const excluded = ["./proc/*", "./sys/*", "./dev/*"].map((pattern) => `--exclude=${pattern}`);
  const tar = spawn("tar", ["--create", "--numeric-owner", "--sort=name", ...excluded, "--directory", root, "."], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = new Promise<void>((resolve, reject) => {
    tar.once("error", reject);
    tar.once("exit", (code) => (code === 0 ? resolve() : reject(new SetupError(`tar failed with exit code ${code}`))));
  });
  const stream = await docker.importImage(tar.stdout, { repo, tag, changes });
  await Promise.all([follow(docker, stream, step), ended]);
}
