import { canonicalResource, isSecureUrl } from "./oauth-urls.ts";
import { list, type OptionSpec, text } from "./option-kinds.ts";

const ANY = /./;
const SECURE = "an https URL (http only on a loopback address) without user, query and fragment";

/** OAuth 2.1 resource server; on as soon as an issuer is named. */
export const OAUTH_OPTIONS = {
  oauthIssuer: {
    ...list(
      {
        flag: "--oauth-issuer",
        env: "MCP_OAUTH_ISSUERS",
        help: "Issuer whose access tokens (JWT) are accepted, as its `iss` says; turns OAuth on.",
      },
      "URL",
      "none: OAuth is off",
      SECURE,
      ANY,
    ),
    read: (value: string) => (isSecureUrl(value) && !value.includes("?") ? value : undefined),
  },
  oauthResource: {
    ...text(
      {
        flag: "--oauth-resource",
        env: "MCP_OAUTH_RESOURCE",
        help: "Public URL of `/mcp`, the audience that tokens must have; needed with --oauth-issuer.",
      },
      undefined,
      "none",
      "an http or https URL without user, query and fragment",
      ANY,
    ),
    value: "URL",
    remedy: "Give the URL that clients connect to, e.g. https://mcp.example.com/mcp.",
    read: canonicalResource,
  },
  oauthAudience: list(
    {
      flag: "--oauth-audience",
      env: "MCP_OAUTH_AUDIENCES",
      help: "Audience that is accepted beside the resource, for issuers that write another name into `aud`.",
    },
    "NAME",
    "none",
    "1 to 256 characters without spaces or commas",
    /^[^\s,]{1,256}$/,
  ),
  oauthScope: list(
    {
      flag: "--oauth-scope",
      env: "MCP_OAUTH_SCOPES",
      help: "Scope that every token must have; without it: 403.",
    },
    "SCOPE",
    "none",
    'a scope of printable ASCII without spaces, commas, " and \\',
    // RFC 6749, 3.3, but for the comma, which separates here.
    /^[\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]{1,256}$/,
  ),
  oauthJwksUri: {
    ...text(
      {
        flag: "--oauth-jwks-uri",
        env: "MCP_OAUTH_JWKS_URI",
        help: "Where the issuer's keys are; only with a single issuer.",
      },
      undefined,
      "found by discovery",
      "an https URL (http only on a loopback address) without user and fragment",
      ANY,
    ),
    value: "URL",
    read: (value: string) => (isSecureUrl(value) ? value : undefined),
  },
} satisfies Record<string, OptionSpec>;
