/** Pure: what the engine says of a container → what the state records of it. */
import type { ContainerInspectInfo } from "dockerode";
import { number, type PropertyMap, type Value } from "../values.ts";

const MIB = 1024 * 1024;

const mib = (bytes: number | undefined): number => {
  const value = bytes ?? 0;
  return value > 0 ? Math.trunc(value / MIB) : value;
};

/** Nanoseconds in the notation of Go: `1s`, `1m30s`, `0s`. */
export function goDuration(nanoseconds: number): string {
  if (nanoseconds === 0) return "0s";
  if (nanoseconds < 1e3) return `${nanoseconds}ns`;
  if (nanoseconds < 1e6) return `${nanoseconds / 1e3}µs`;
  if (nanoseconds < 1e9) return `${nanoseconds / 1e6}ms`;
  const hours = Math.floor(nanoseconds / 3_600e9);
  const minutes = Math.floor((nanoseconds % 3_600e9) / 60e9);
  const seconds = (nanoseconds % 60e9) / 1e9;
  return `${hours ? `${hours}h` : ""}${hours || minutes ? `${minutes}m` : ""}${seconds}s`;
}

function ports(bound: ContainerInspectInfo["NetworkSettings"]["Ports"] | undefined): Value[] {
  return Object.entries(bound ?? {})
    .flatMap(([key, bindings]) => {
      const [internal, protocol = "tcp"] = key.split("/");
      return (bindings ?? []).map((binding) => ({
        external: Number(binding.HostPort),
        internal: Number(internal),
        ip: binding.HostIp,
        protocol,
      }));
    })
    .toSorted((a, b) => a.internal - b.internal);
}

function networks(settings: ContainerInspectInfo["NetworkSettings"]): Value[] {
  return Object.entries(settings.Networks ?? {})
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([networkName, data]) => ({
      gateway: data.Gateway,
      globalIpv6Address: data.GlobalIPv6Address,
      globalIpv6PrefixLength: data.GlobalIPv6PrefixLen,
      ipAddress: data.IPAddress,
      ipPrefixLength: data.IPPrefixLen,
      ipv6Gateway: data.IPv6Gateway,
      macAddress: data.MacAddress,
      networkName,
    }));
}

function mounts(host: ContainerInspectInfo["HostConfig"]): Value[] {
  return (host.Mounts ?? []).map((mount) => ({
    bindOptions: mount.BindOptions ? { propagation: mount.BindOptions.Propagation ?? "" } : null,
    readOnly: mount.ReadOnly ? true : null,
    source: mount.Source ?? "",
    target: mount.Target,
    tmpfsOptions: mount.TmpfsOptions
      ? { mode: mount.TmpfsOptions.Mode ?? null, sizeBytes: mount.TmpfsOptions.SizeBytes ?? null }
      : null,
    type: mount.Type,
    volumeOptions: mount.VolumeOptions
      ? {
          driverName: mount.VolumeOptions.DriverConfig?.Name ?? "",
          driverOptions: mount.VolumeOptions.DriverConfig?.Options ?? null,
          labels: Object.entries(mount.VolumeOptions.Labels ?? {}).map(([label, value]) => ({ label, value })),
          noCopy: mount.VolumeOptions.NoCopy ? true : null,
        }
      : null,
  }));
}

function healthcheck(probe: ContainerInspectInfo["Config"]["Healthcheck"]): Value {
  if (!probe) return null;
  return {
    interval: goDuration(probe.Interval ?? 0),
    retries: probe.Retries ?? 0,
    startInterval: "0s",
    startPeriod: goDuration(probe.StartPeriod ?? 0),
    tests: probe.Test ?? [],
    timeout: goDuration(probe.Timeout ?? 0),
  };
}

type Host = ContainerInspectInfo["HostConfig"] & { Runtime?: string | undefined };
type Config = ContainerInspectInfo["Config"] & { StopSignal?: string; StopTimeout?: number };

/** @param inputs what was asked for: says whether a container that does not run is meant to */
export function observe(found: ContainerInspectInfo, inputs: PropertyMap): PropertyMap {
  const host: Host = found.HostConfig;
  const config: Config = found.Config;
  const running = found.State.Running;
  const capabilities = (host.CapAdd?.length ?? 0) + (host.CapDrop?.length ?? 0) > 0;
  const entrypoint = typeof config.Entrypoint === "string" ? [config.Entrypoint] : (config.Entrypoint ?? []);
  return {
    bridge: (found.NetworkSettings as { Bridge?: string }).Bridge ?? "",
    capabilities: capabilities ? { adds: host.CapAdd ?? [], drops: host.CapDrop ?? [] } : null,
    command: config.Cmd ?? [],
    cpuSet: host.CpusetCpus ?? "",
    cpuShares: host.CpuShares ?? 0,
    dns: host.Dns ?? [],
    dnsOpts: host.DnsOptions ?? [],
    dnsSearches: host.DnsSearch ?? [],
    domainname: config.Domainname,
    entrypoints: entrypoint,
    exitCode: running ? null : found.State.ExitCode,
    groupAdds: host.GroupAdd ?? [],
    healthcheck: healthcheck(config.Healthcheck),
    hostname: config.Hostname,
    hosts: (host.ExtraHosts ?? []).map((entry: string) => {
      const [name = "", ...ip] = entry.split(":");
      return { host: name, ip: ip.join(":") };
    }),
    image: found.Image,
    init: host.Init ?? false,
    ipcMode: host.IpcMode ?? "",
    logDriver: host.LogConfig?.Type ?? "",
    logOpts: nullIfEmpty(host.LogConfig?.Config),
    maxRetryCount: host.RestartPolicy?.MaximumRetryCount ?? 0,
    memory: mib(host.Memory),
    memoryReservation: mib(host.MemoryReservation),
    memorySwap: mib(host.MemorySwap),
    mounts: mounts(host),
    name: found.Name.replace(/^\//, ""),
    networkDatas: networks(found.NetworkSettings),
    networkMode: host.NetworkMode ?? "",
    platform: found.Platform,
    ports: ports(found.NetworkSettings.Ports),
    privileged: host.Privileged ?? false,
    publishAllPorts: host.PublishAllPorts ?? false,
    readOnly: host.ReadonlyRootfs ?? false,
    restart: host.RestartPolicy?.Name ?? "",
    rm: host.AutoRemove ?? false,
    runtime: host.Runtime ?? "",
    securityOpts: host.SecurityOpt ?? [],
    shmSize: mib(host.ShmSize),
    stdinOpen: config.OpenStdin,
    stopSignal: config.StopSignal ?? "",
    stopTimeout: number(config.StopTimeout),
    sysctls: nullIfEmpty(host.Sysctls),
    tmpfs: nullIfEmpty(host.Tmpfs),
    tty: config.Tty,
    ulimits: (host.Ulimits ?? []).map((limit) => ({
      hard: limit.Hard ?? 0,
      name: limit.Name ?? "",
      soft: limit.Soft ?? 0,
    })),
    user: config.User,
    usernsMode: host.UsernsMode ?? "",
    workingDir: config.WorkingDir,
    // A container that should run and does not is a difference that the next update repairs.
    ...(!running && inputs.mustRun !== false ? { mustRun: false } : {}),
  };
}

function nullIfEmpty(value: { [key: string]: string } | null | undefined): Value {
  return value && Object.keys(value).length > 0 ? value : null;
}
