/** An origin of the configuration: `https://example.com`, `http://*.example.com:8080`, `https://example.com:*`. */
export interface OriginRule {
  /** Host, in lower case; with `*.` in front, every name below it. */
  readonly host: string;
  /** Undefined for every port. */
  readonly port: number | undefined;
}

const usualPorts = { http: 80, https: 443 } as const;

/** Reads one origin; throws what is wrong with it. */
export function parseOrigin(text: string): OriginRule {
  const [, scheme, host, port] =
    /^(https?):\/\/((?:\*\.)?[^\s/:*?#@[\]]+|\[[0-9a-f:.]+\])(?::(\d+|\*))?\/?$/i.exec(text) ?? [];
  if (scheme === undefined || host === undefined)
    throw new Error(
      `origin ${JSON.stringify(text)} is not one; write for example https://example.com or http://*.example.com:8080`,
    );
  const usual = usualPorts[scheme.toLowerCase() as keyof typeof usualPorts];
  return { host: plainHost(host), port: port === "*" ? undefined : Number(port ?? usual) };
}

/** Names are the same in either case and with a dot at the end; an IPv6 address has brackets in a URL alone. */
function plainHost(host: string): string {
  return host.toLowerCase().replace(/\.$|[[\]]/g, "");
}

function matches(rule: OriginRule, host: string, port: number): boolean {
  if (rule.port !== undefined && rule.port !== port) return false;
  return rule.host.startsWith("*.") ? host.endsWith(rule.host.slice(1)) : host === rule.host;
}

/**
 * Whether a browser may ask a host and port for anything. Schemes are not compared: of a tunnel nobody but the browser
 * knows what is in it. What is blocked is blocked, also where it is allowed.
 */
export function mayAsk(
  host: string,
  port: number,
  { allowed, blocked }: { allowed: readonly OriginRule[]; blocked: readonly OriginRule[] },
): boolean {
  const name = plainHost(host);
  if (blocked.some((rule) => matches(rule, name, port))) return false;
  return allowed.length === 0 || allowed.some((rule) => matches(rule, name, port));
}
