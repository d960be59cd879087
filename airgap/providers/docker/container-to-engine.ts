/** Pure: inputs of a container → what the engine is asked for. */
import type { ContainerCreateOptions, HostConfig, MountSettings } from "dockerode";
import { list, map, maps, number, type PropertyMap, stringMap, strings, text, type Value } from "../values.ts";

const MIB = 1024 * 1024;
const UNIT_NS: Record<string, number> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3_600e9,
};

/** `1m30s` → nanoseconds. */
export function nanoseconds(duration: string): number {
  let total = 0;
  for (const [, amount, unit] of duration.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g))
    total += Number(amount) * (UNIT_NS[unit ?? ""] ?? 0);
  return total;
}

/** Only what is set: everything else stays the engine's or the image's. */
function given(entries: { [key: string]: unknown }): { [key: string]: unknown } {
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined));
}

const some = <T>(values: T[]): T[] | undefined => (values.length > 0 ? values : undefined);
const someOf = (values: Record<string, string>) => (Object.keys(values).length > 0 ? values : undefined);
const positive = (value: Value | undefined) => number(value) || undefined;
const filled = (value: Value | undefined) => text(value) || undefined;

export function labels(value: Value | undefined): Record<string, string> {
  return Object.fromEntries(maps(value).map((one) => [text(one.label), text(one.value)]));
}

/** MiB as the provider takes it → bytes; -1 (no limit) stays. */
export function bytes(value: Value | undefined): number | undefined {
  const mib = number(value);
  if (mib === 0) return undefined;
  return mib > 0 ? mib * MIB : mib;
}

function healthcheck(value: Value | undefined): ContainerCreateOptions["Healthcheck"] | undefined {
  const probe = map(value);
  if (Object.keys(probe).length === 0) return undefined;
  return {
    Test: strings(probe.tests),
    Interval: nanoseconds(text(probe.interval)),
    Timeout: nanoseconds(text(probe.timeout)),
    StartPeriod: nanoseconds(text(probe.startPeriod)),
    Retries: number(probe.retries),
  };
}

function mountOf(mount: PropertyMap): MountSettings {
  const type = text(mount.type);
  const bind = map(mount.bindOptions);
  const tmpfs = map(mount.tmpfsOptions);
  const options = map(mount.volumeOptions);
  return given({
    Type: type,
    Target: text(mount.target),
    Source: filled(mount.source),
    ReadOnly: mount.readOnly === true || undefined,
    BindOptions: type === "bind" && bind.propagation ? { Propagation: text(bind.propagation) } : undefined,
    TmpfsOptions:
      type === "tmpfs" && mount.tmpfsOptions
        ? given({ SizeBytes: positive(tmpfs.sizeBytes), Mode: positive(tmpfs.mode) })
        : undefined,
    VolumeOptions:
      type === "volume" && mount.volumeOptions
        ? given({
            NoCopy: options.noCopy === true,
            Labels: labels(options.labels),
            DriverConfig: options.driverName
              ? { Name: text(options.driverName), Options: stringMap(options.driverOptions) }
              : undefined,
          })
        : undefined,
  }) as unknown as MountSettings;
}

function ports(value: Value | undefined) {
  const exposed: Record<string, object> = {};
  const bindings: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const port of maps(value)) {
    const key = `${number(port.internal)}/${text(port.protocol) || "tcp"}`;
    exposed[key] = {};
    bindings[key] ??= [];
    bindings[key].push({ HostIp: text(port.ip), HostPort: port.external ? String(port.external) : "" });
  }
  return { exposed, bindings };
}

/** `volumes` (the older spelling of mounts) → binds, anonymous volumes and volumes of other containers. */
function oldVolumes(value: Value | undefined) {
  const volumes: Record<string, object> = {};
  const binds: string[] = [];
  const from: string[] = [];
  for (const volume of maps(value)) {
    const path = text(volume.containerPath);
    const source = text(volume.volumeName) || text(volume.hostPath);
    if (volume.fromContainer) from.push(text(volume.fromContainer));
    else {
      volumes[path] = {};
      if (source) binds.push(`${source}:${path}:${volume.readOnly === true ? "ro" : "rw"}`);
    }
  }
  return { volumes, binds, from };
}

function hostConfig(inputs: PropertyMap): HostConfig {
  const { bindings } = ports(inputs.ports);
  const { binds, from } = oldVolumes(inputs.volumes);
  const capabilities = map(inputs.capabilities);
  return given({
    Privileged: inputs.privileged === true,
    PublishAllPorts: inputs.publishAllPorts === true,
    RestartPolicy: { Name: text(inputs.restart), MaximumRetryCount: number(inputs.maxRetryCount) },
    Mounts: some(maps(inputs.mounts).map(mountOf)),
    AutoRemove: inputs.rm === true,
    ReadonlyRootfs: inputs.readOnly === true,
    LogConfig: { Type: text(inputs.logDriver), Config: stringMap(inputs.logOpts) },
    Tmpfs: someOf(stringMap(inputs.tmpfs)),
    PortBindings: Object.keys(bindings).length > 0 ? bindings : undefined,
    ExtraHosts: some(maps(inputs.hosts).map((host) => `${text(host.host)}:${text(host.ip)}`)),
    Binds: some(binds),
    VolumesFrom: some(from),
    Ulimits: some(
      maps(inputs.ulimits).map((limit) => ({
        Name: text(limit.name),
        Soft: number(limit.soft),
        Hard: number(limit.hard),
      })),
    ),
    CapAdd: some(strings(capabilities.adds)),
    CapDrop: some(strings(capabilities.drops)),
    Devices: some(
      maps(inputs.devices).map((device) => ({
        PathOnHost: text(device.hostPath),
        PathInContainer: text(device.containerPath) || text(device.hostPath),
        CgroupPermissions: text(device.permissions) || "rwm",
      })),
    ),
    Dns: some(strings(inputs.dns)),
    DnsOptions: some(strings(inputs.dnsOpts)),
    DnsSearch: some(strings(inputs.dnsSearches)),
    SecurityOpt: some(strings(inputs.securityOpts)),
    Memory: bytes(inputs.memory),
    MemoryReservation: bytes(inputs.memoryReservation),
    MemorySwap: bytes(inputs.memorySwap),
    ShmSize: bytes(inputs.shmSize),
    NanoCpus: inputs.cpus ? Math.round(Number(inputs.cpus) * 1e9) : undefined,
    CpuShares: positive(inputs.cpuShares),
    CpuPeriod: positive(inputs.cpuPeriod),
    CpuQuota: positive(inputs.cpuQuota),
    CpusetCpus: filled(inputs.cpuSet),
    NetworkMode: filled(inputs.networkMode),
    UsernsMode: filled(inputs.usernsMode),
    PidMode: filled(inputs.pidMode),
    IpcMode: filled(inputs.ipcMode),
    CgroupParent: filled(inputs.cgroupParent),
    CgroupnsMode: filled(inputs.cgroupnsMode),
    Runtime: filled(inputs.runtime),
    Sysctls: someOf(stringMap(inputs.sysctls)),
    StorageOpt: someOf(stringMap(inputs.storageOpts)),
    GroupAdd: some(strings(inputs.groupAdds)),
    Init: typeof inputs.init === "boolean" ? inputs.init : undefined,
  }) as unknown as HostConfig;
}

export function createOptions(inputs: PropertyMap): ContainerCreateOptions {
  const { exposed } = ports(inputs.ports);
  const { volumes } = oldVolumes(inputs.volumes);
  return given({
    name: text(inputs.name),
    platform: filled(inputs.platform),
    Image: text(inputs.image),
    Hostname: filled(inputs.hostname),
    Domainname: filled(inputs.domainname),
    Tty: inputs.tty === true,
    OpenStdin: inputs.stdinOpen === true,
    Env: some(strings(inputs.envs)),
    Cmd: some(strings(inputs.command)),
    Entrypoint: some(strings(inputs.entrypoints)),
    User: filled(inputs.user),
    WorkingDir: filled(inputs.workingDir),
    ExposedPorts: Object.keys(exposed).length > 0 ? exposed : undefined,
    Volumes: Object.keys(volumes).length > 0 ? volumes : undefined,
    Labels: labels(inputs.labels),
    Healthcheck: healthcheck(inputs.healthcheck),
    StopSignal: filled(inputs.stopSignal),
    StopTimeout: positive(inputs.stopTimeout),
    HostConfig: hostConfig(inputs),
  }) as unknown as ContainerCreateOptions;
}

/** `key=value` texts → a map, as network drivers take their options. */
function driverOptions(value: Value | undefined): Record<string, string> | undefined {
  return someOf(
    Object.fromEntries(
      strings(value).map((option) => {
        const [key = "", ...rest] = option.split("=");
        return [key, rest.join("=")];
      }),
    ),
  );
}

export interface Attachment {
  network: string;
  endpoint: { [key: string]: unknown };
}

export function attachments(inputs: PropertyMap): Attachment[] {
  return maps(inputs.networksAdvanced).map((network) => ({
    network: text(network.name),
    endpoint: given({
      Aliases: some(strings(network.aliases)),
      MacAddress: filled(network.macAddress),
      DriverOpts: driverOptions(network.driverOpts),
      IPAMConfig: given({
        IPv4Address: filled(network.ipv4Address),
        IPv6Address: filled(network.ipv6Address),
        LinkLocalIPs: some(strings(network.linkLocalIps)),
      }),
    }),
  }));
}

/** What the engine can change on a live container; everything else that 5.2 calls an update changes only the state. */
export const LIVE_INPUTS = [
  "restart",
  "maxRetryCount",
  "cpuShares",
  "cpuPeriod",
  "cpuQuota",
  "cpuSet",
  "memory",
  "memoryReservation",
  "memorySwap",
] as const;

export function updateOptions(inputs: PropertyMap): { [key: string]: unknown } {
  return given({
    RestartPolicy: { Name: text(inputs.restart), MaximumRetryCount: number(inputs.maxRetryCount) },
    CpuShares: positive(inputs.cpuShares),
    CpuPeriod: positive(inputs.cpuPeriod),
    CpuQuota: positive(inputs.cpuQuota),
    CpusetCpus: filled(inputs.cpuSet),
    Memory: bytes(inputs.memory),
    MemoryReservation: bytes(inputs.memoryReservation),
    MemorySwap: bytes(inputs.memorySwap),
  });
}

export interface Upload {
  /** Without the leading slash: relative to the container's root. */
  path: string;
  mode: number;
  content: { text: string } | { base64: string } | { source: string };
}

/** Files to copy into the container before its start; throws on an entry that names none or several contents. */
export function uploads(inputs: PropertyMap): Upload[] {
  return maps(inputs.uploads).map((upload) => {
    const file = text(upload.file);
    const contents = ["content", "contentBase64", "source"].filter((name) => text(upload[name]) !== "");
    if (contents.length !== 1) {
      throw new Error(
        `upload ${JSON.stringify(file)}: exactly one of \`content\`, \`contentBase64\` and \`source\` must be set, ` +
          `${contents.length === 0 ? "none" : contents.join(" and ")} is`,
      );
    }
    const mode = text(upload.permissions) || (upload.executable === true ? "0744" : "0644");
    return {
      path: file.replace(/^\/+/, ""),
      mode: Number.parseInt(mode, 8),
      content: upload.content
        ? { text: text(upload.content) }
        : upload.contentBase64
          ? { base64: text(upload.contentBase64) }
          : { source: text(upload.source) },
    };
  });
}

/** The inputs that cannot work together, by name. */
export function conflicts(inputs: PropertyMap): { property: string; reason: string }[] {
  const found: { property: string; reason: string }[] = [];
  if (strings(inputs.command).includes("")) {
    found.push({ property: "command", reason: "must not hold an empty text" });
  }
  if (inputs.logs === true && inputs.attach !== true) {
    found.push({ property: "logs", reason: "needs `attach: true`" });
  }
  for (const [index, volume] of list(inputs.volumes).entries()) {
    const { fromContainer, containerPath } = map(volume);
    if (Boolean(fromContainer) === Boolean(containerPath)) {
      found.push({
        property: `volumes[${index}]`,
        reason: "must name either `fromContainer` or `containerPath`",
      });
    }
  }
  return found;
}
