/** Which URLs OAuth may be configured with, and the well-known ones made from them. */

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** https, or http that does not leave the machine (OAuth 2.1, 1.5): keys that come over plain http can be anyone's. */
export function isSecureUrl(text: string): boolean {
  const url = plainUrl(text);
  return url !== undefined && (url.protocol === "https:" || LOOPBACK.test(url.hostname));
}

/**
 * The resource identifier as everybody writes it (MCP 2025-11-25, authorization: canonical server URI): no fragment,
 * no slash at the end. Undefined if it cannot be one.
 */
export function canonicalResource(text: string): string | undefined {
  const url = plainUrl(text);
  if (url === undefined || url.search !== "") return undefined;
  return url.href.replace(/\/+$/, "");
}

function plainUrl(text: string): URL | undefined {
  if (!URL.canParse(text) || /[\s#"\\]/.test(text)) return undefined;
  const url = new URL(text);
  const web = url.protocol === "https:" || url.protocol === "http:";
  return web && url.username === "" && url.password === "" ? url : undefined;
}

/** `NAME` put between host and path: RFC 9728, 3.1 for resources, RFC 8414, 3.1 for issuers. */
export function wellKnownUrl(base: string, name: string): string {
  const { origin, pathname } = new URL(base);
  return `${origin}/.well-known/${name}${pathname.replace(/\/+$/, "")}`;
}

/** Where an issuer may describe itself, in the order that MCP asks of clients (2025-11-25, authorization). */
export function discoveryUrls(issuer: string): string[] {
  const urls = [
    wellKnownUrl(issuer, "oauth-authorization-server"),
    wellKnownUrl(issuer, "openid-configuration"),
    // OpenID Connect Discovery, 4: behind the path.
    `${issuer.replace(/\/+$/, "")}/.well-known/openid-configuration`,
  ];
  return [...new Set(urls)];
}
