import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { exportJWK } from "jose";
import { afterEach, describe, expect, test, vi } from "vitest";
import type { AuthResult } from "../src/bearer.ts";
import { OAuth } from "../src/oauth.ts";
import { ISSUER_TIMES } from "../src/oauth-issuer.ts";
import { until } from "./fixtures/bridge.ts";
import {
  forge,
  newKey,
  now,
  type OpenIdProvider,
  type ProviderKey,
  startOpenIdProvider,
} from "./fixtures/openid-provider.ts";

vi.setConfig({ testTimeout: 60_000 });

const RESOURCE = "https://mcp.example.com/mcp";
const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  vi.useRealTimers();
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

interface Line {
  readonly level: string;
  readonly event: string;
  readonly [field: string]: unknown;
}

/** The resource server alone, with times that a test can wait for. */
async function resourceServer(
  issuers: readonly string[],
  options: { jwksUri?: string; times?: Partial<typeof ISSUER_TIMES> } = {},
): Promise<{ check: (token: string) => Promise<AuthResult>; log: Line[] }> {
  const log: Line[] = [];
  const settings = {
    name: "test",
    oauthIssuer: issuers,
    oauthResource: RESOURCE,
    oauthAudience: [],
    oauthScope: [],
    oauthJwksUri: options.jwksUri,
  };
  const oauth = new OAuth(settings, (level, event, fields) => log.push({ level, event, ...fields }), {
    ...ISSUER_TIMES,
    ...options.times,
  });
  await oauth.start();
  return { check: async (token) => oauth.check(`Bearer ${token}`, "/mcp"), log };
}

async function provider(setup: { key?: ProviderKey; port?: number } = {}): Promise<OpenIdProvider> {
  const started = await startOpenIdProvider(setup);
  cleanups.push(() => started.stop());
  return started;
}

const tokenOf = (key: ProviderKey, iss: string, more: object = {}): Promise<string> =>
  forge(key, { iss, aud: RESOURCE, sub: "somebody", client_id: "app", exp: now() + 300, ...more });
const statusOf = (result: AuthResult): number => (result.ok ? 200 : result.refusal.status);

describe("keys of a real provider", () => {
  test("are found by discovery, and asked for once for many tokens at once", async () => {
    const issuer = await provider();
    const { check } = await resourceServer([issuer.issuer]);
    const tokens = await Promise.all(Array.from({ length: 50 }, () => issuer.token("alice", RESOURCE)));
    const results = await Promise.all(tokens.map(check));
    expect(new Set(results.map((result) => (result.ok ? result.principal : result.refusal.message))).size).toBe(1);
    expect(results[0]).toEqual({ ok: true, principal: expect.stringMatching(/^oauth:[\w-]{43}$/) });
    const discovery = issuer.asked.filter((path) => path !== "/token");
    expect(discovery).toEqual(["/.well-known/oauth-authorization-server", "/jwks"]);
  });

  test("when they are rotated: the new one is fetched, the old one is good no more; unknown ids cost one look", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const first = await provider();
    const { check } = await resourceServer([first.issuer]);
    const old = await tokenOf(first.key, first.issuer, { jti: "never seen while its key was there" });
    expect(statusOf(await check(await first.token("alice", RESOURCE)))).toBe(200);
    await first.stop();
    const second = await provider({ port: first.port });
    const rotated = await second.token("alice", RESOURCE);
    // Who makes up key ids cannot make the bridge flood the issuer: not before the cool-down is over.
    expect(statusOf(await check(await tokenOf(await newKey(), first.issuer)))).toBe(401);
    expect(statusOf(await check(rotated))).toBe(401);
    expect(second.asked).toEqual(["/token"]);
    vi.advanceTimersByTime(ISSUER_TIMES.cooldown);
    expect(statusOf(await check(rotated))).toBe(200);
    expect(statusOf(await check(await tokenOf(await newKey(), first.issuer)))).toBe(401);
    expect(second.asked).toEqual(["/token", "/.well-known/oauth-authorization-server", "/jwks"]);
    expect(statusOf(await check(old))).toBe(401);
  });

  test("of several issuers: each token is judged by the keys of its own", async () => {
    const [one, two] = [await provider(), await provider()];
    const { check } = await resourceServer([one.issuer, two.issuer]);
    const principals = new Set<string | undefined>();
    for (const issuer of [one, two]) {
      const result = await check(await issuer.token("alice", RESOURCE));
      expect(statusOf(result)).toBe(200);
      principals.add(result.ok ? result.principal : undefined);
    }
    // The same name at another issuer is somebody else.
    expect(principals.size).toBe(2);
    expect(statusOf(await check(await tokenOf(two.key, one.issuer)))).toBe(401);
  });
});

describe("an issuer that cannot be reached", () => {
  test("at start: 503 with Retry-After, one log line, nobody is let in; recovers by itself", async () => {
    const before = await provider();
    await before.stop();
    const { check, log } = await resourceServer([before.issuer], { times: { retry: 300 } });
    const token = await tokenOf(before.key, before.issuer);
    for (let i = 0; i < 5; i++) {
      expect(await check(token)).toEqual({
        ok: false,
        refusal: {
          status: 503,
          code: -32000,
          message: `the issuer ${before.issuer} cannot be reached just now, so no token of it can be checked; try again later`,
          cause: "issuer_unreachable",
          headers: { "retry-after": "1" },
        },
      });
    }
    expect(log).toEqual([
      {
        level: "error",
        event: "issuer_unreachable",
        issuer: before.issuer,
        error: `fetch failed: connect ECONNREFUSED 127.0.0.1:${before.port}`,
      },
    ]);
    // What needs no issuer is said all the same.
    expect(statusOf(await check(await tokenOf(before.key, "https://evil.example.com")))).toBe(401);
    await provider({ port: before.port, key: before.key });
    await until("the issuer is back", async () => statusOf(await check(token)) === 200);
    expect(log.filter(({ level }) => level !== "debug").at(-1)).toEqual({
      level: "info",
      event: "issuer_reachable",
      issuer: before.issuer,
    });
  });

  test("later: kept keys go on until they are too old; an unknown one is 503", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const issuer = await provider();
    const { check, log } = await resourceServer([issuer.issuer]);
    let unseen = 0;
    const known = async (): Promise<number> =>
      statusOf(await check(await tokenOf(issuer.key, issuer.issuer, { jti: String(unseen++), exp: now() + 3_600 })));
    expect(await known()).toBe(200);
    await issuer.stop();
    vi.advanceTimersByTime(ISSUER_TIMES.cooldown);
    expect(statusOf(await check(await tokenOf(await newKey(), issuer.issuer)))).toBe(503);
    expect(await known()).toBe(200);
    vi.advanceTimersByTime(ISSUER_TIMES.maxAge - ISSUER_TIMES.cooldown - 1_000);
    expect(await known()).toBe(200);
    vi.advanceTimersByTime(1_000);
    expect(await known()).toBe(503);
    expect(log.map(({ event }) => event)).toEqual(["issuer_unreachable"]);
    const back = await provider({ port: issuer.port, key: issuer.key });
    // It is left alone for a moment.
    expect(await known()).toBe(503);
    expect(back.asked).toEqual([]);
    vi.advanceTimersByTime(ISSUER_TIMES.retry);
    expect(await known()).toBe(200);
    expect(log.map(({ event }) => event)).toEqual(["issuer_unreachable", "issuer_reachable"]);
  });

  test("because it never answers: 503 after the timeout", async () => {
    const { base, server } = await documents({});
    server.removeAllListeners("request");
    const { check, log } = await resourceServer([base], { times: { timeout: 300 } });
    expect(statusOf(await check(await tokenOf(await newKey(), base)))).toBe(503);
    expect(log[0]).toMatchObject({ event: "issuer_unreachable", error: "The operation was aborted due to timeout" });
  });
});

/** An issuer of nothing but documents, so that they can be wrong. */
async function documents(served: Record<string, unknown>): Promise<{ base: string; server: Server; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer(({ url = "" }, response) => {
    asked.push(url);
    const body = served[url];
    if (typeof body === "number") return void response.writeHead(body, { location: "/elsewhere" }).end();
    response.writeHead(body === undefined ? 404 : 200).end(typeof body === "string" ? body : JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  cleanups.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server, asked };
}

async function publicKeys(key: ProviderKey): Promise<object> {
  const { d, ...jwk } = await exportJWK(key.privateKey);
  return { keys: [{ ...jwk, kid: key.kid, alg: key.alg, use: "sig" }] };
}

describe("discovery", () => {
  test.each([
    ["", ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"]],
    [
      "/realms/mcp",
      [
        "/.well-known/oauth-authorization-server/realms/mcp",
        "/.well-known/openid-configuration/realms/mcp",
        "/realms/mcp/.well-known/openid-configuration",
      ],
    ],
    // Written with a slash at the end, as Auth0 does: it belongs to the name.
    ["/", ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"]],
  ])('of an issuer with the path "%s": these documents in turn', async (path, tried) => {
    const key = await newKey();
    const served: Record<string, unknown> = { "/keys": await publicKeys(key) };
    const { base, asked } = await documents(served);
    const issuer = `${base}${path}`;
    served[tried.at(-1) ?? ""] = { issuer, jwks_uri: `${base}/keys` };
    const { check } = await resourceServer([issuer]);
    expect(statusOf(await check(await tokenOf(key, issuer)))).toBe(200);
    expect(asked).toEqual([...tried, "/keys"]);
  });

  test("is not needed with the address of the keys", async () => {
    const key = await newKey("RS256");
    const { base, asked } = await documents({ "/keys": await publicKeys(key) });
    const { check } = await resourceServer(["https://issuer.example.com"], { jwksUri: `${base}/keys` });
    expect(statusOf(await check(await tokenOf(key, "https://issuer.example.com")))).toBe(200);
    expect(asked).toEqual(["/keys"]);
  });

  test.each<[string, (base: string) => Record<string, unknown>, RegExp]>([
    [
      "nothing is served",
      () => ({}),
      /^no discovery document: .*oauth-authorization-server answered 404; .*openid-configuration answered 404$/,
    ],
    [
      "the document is of another issuer",
      () => ({ [OAUTH]: { issuer: "https://other.example.com" } }),
      /is of the issuer "https:\/\/other\.example\.com"$/,
    ],
    [
      "the keys are at a place that is not secure",
      (issuer) => ({ [OAUTH]: { issuer, jwks_uri: "http://keys.example.com/" } }),
      /has no "jwks_uri" that is https/,
    ],
    ["there is no place for keys", (issuer) => ({ [OAUTH]: { issuer } }), /has no "jwks_uri"/],
    ["the document is null", () => ({ [OAUTH]: "null" }), /is of the issuer undefined$/],
    ["the document is no JSON", () => ({ [OAUTH]: "<html>" }), /JSON/],
    ["the keys are gone", (issuer) => ({ [OAUTH]: { issuer, jwks_uri: `${issuer}/gone` } }), /\/gone answered 404$/],
    [
      "the keys moved",
      (issuer) => ({ [OAUTH]: { issuer, jwks_uri: `${issuer}/moved` }, "/moved": 302 }),
      /\/moved answered 302$/,
    ],
    [
      "the keys are no key set",
      (issuer) => ({ [OAUTH]: { issuer, jwks_uri: `${issuer}/keys` }, "/keys": { keys: "none" } }),
      /JSON Web Key Set malformed/,
    ],
  ])("%s: 503 and why in the log", async (_what, serve, error) => {
    const served: Record<string, unknown> = {};
    const { base } = await documents(served);
    Object.assign(served, serve(base));
    const { check, log } = await resourceServer([base]);
    expect(statusOf(await check(await tokenOf(await newKey(), base)))).toBe(503);
    expect(log).toEqual([
      { level: "error", event: "issuer_unreachable", issuer: base, error: expect.stringMatching(error) },
    ]);
  });

  test("a key set with shared secrets or broken keys in it lets nobody in, and breaks nothing", async () => {
    const key = await newKey();
    const secret = new TextEncoder().encode("a secret that is in the key set, of 32 bytes and more");
    const { keys } = (await publicKeys(key)) as { keys: object[] };
    const { base } = await documents({
      "/keys": {
        keys: [
          ...keys,
          { kty: "oct", kid: "shared", alg: "HS256", k: Buffer.from(secret).toString("base64url") },
          { kty: "EC", kid: "broken", alg: "ES256", crv: "P-256", x: "AA", y: "AA" },
        ],
      },
    });
    const { check } = await resourceServer(["https://issuer.example.com"], { jwksUri: `${base}/keys` });
    const claims = { iss: "https://issuer.example.com", aud: RESOURCE, sub: "x", exp: now() + 60 };
    const statuses = [
      await check(await forge({ alg: "HS256", kid: "shared", privateKey: secret }, claims)),
      await check(await forge({ ...key, kid: "broken" }, claims)),
      await check(await forge(key, claims)),
    ].map(statusOf);
    expect(statuses).toEqual([401, 401, 200]);
  });
});

const OAUTH = "/.well-known/oauth-authorization-server";
