import { wellKnownUrl } from "./oauth-urls.ts";

const NAME = "oauth-protected-resource";

export interface ResourceSettings {
  /** The server's name, for people. */
  readonly name: string;
  readonly oauthIssuer: readonly string[];
  readonly oauthResource: string | undefined;
  readonly oauthAudience: readonly string[];
  readonly oauthScope: readonly string[];
}

/** What a challenge may complain about: codes of RFC 6750, 3.1. */
export type ChallengeError = "invalid_request" | "invalid_token" | "insufficient_scope";

/**
 * The bridge as an OAuth resource: how it describes itself (RFC 9728) and asks for tokens (RFC 6750, 3). All URLs
 * come from the configured identifier, never from a Host header, which a caller chooses.
 */
export class ProtectedResource {
  /** Values of `aud` that are meant for this resource. */
  readonly audiences: readonly string[];
  /** The metadata, as JSON, by path of the request for it. */
  readonly documents: ReadonlyMap<string, string>;
  readonly #scopes: readonly string[];
  readonly #metadataUrl: string;
  readonly #sseMetadataUrl: string;

  constructor(settings: ResourceSettings) {
    const { oauthResource: resource, oauthScope } = settings;
    if (resource === undefined) throw new Error("OAuth needs a resource: set --oauth-resource (MCP_OAUTH_RESOURCE)");
    // Clients refuse metadata of another URL than the one they call (RFC 9728, 3.3): /sse has an identifier of its own.
    const sse = resource.replace(/\/mcp$/, "/sse");
    this.#scopes = oauthScope;
    this.#metadataUrl = wellKnownUrl(resource, NAME);
    this.#sseMetadataUrl = wellKnownUrl(sse, NAME);
    // URL libraries put a slash behind a bare host, and so it gets into `aud`.
    const bare = new URL(resource).pathname === "/" ? [`${resource}/`] : [];
    this.audiences = [...new Set([resource, sse, ...bare, ...settings.oauthAudience])];
    const document = (identifier: string): string =>
      JSON.stringify({
        resource: identifier,
        authorization_servers: settings.oauthIssuer,
        ...(oauthScope.length > 0 && { scopes_supported: oauthScope }),
        bearer_methods_supported: ["header"],
        resource_name: settings.name,
      });
    // Proxies that strip a prefix ask for the plain paths, others for those of the identifier.
    this.documents = new Map([
      [`/.well-known/${NAME}`, document(resource)],
      [`/.well-known/${NAME}/mcp`, document(resource)],
      [`/.well-known/${NAME}/sse`, document(sse)],
      [new URL(this.#metadataUrl).pathname, document(resource)],
      [new URL(this.#sseMetadataUrl).pathname, document(sse)],
    ]);
  }

  /** Scopes that every token must have and this one has not. */
  missing(granted: ReadonlySet<string>): string[] {
    return this.#scopes.filter((scope) => !granted.has(scope));
  }

  /**
   * `WWW-Authenticate` for a request to `path`: where the metadata is (RFC 9728, 5.1) and which scopes to ask for
   * (MCP 2025-11-25, authorization: scope selection).
   */
  challenge(path: string, error?: ChallengeError, description?: string): string {
    const parameters = [
      'realm="mcp"',
      ...(error === undefined ? [] : [`error="${error}"`]),
      ...(description === undefined ? [] : [`error_description="${description}"`]),
      ...(this.#scopes.length === 0 ? [] : [`scope="${this.#scopes.join(" ")}"`]),
      `resource_metadata="${path === "/mcp" ? this.#metadataUrl : this.#sseMetadataUrl}"`,
    ];
    return `Bearer ${parameters.join(", ")}`;
  }
}
