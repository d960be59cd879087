import { createHash } from "node:crypto";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { exportSPKI, importJWK } from "jose";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type RunningBridge, startBridge, until } from "./fixtures/bridge.ts";
import { initialize, openSession, rawRequest, SseSession, send } from "./fixtures/http-client.ts";
import { forge, newKey, now, type OpenIdProvider, startOpenIdProvider } from "./fixtures/openid-provider.ts";
import { call, request } from "./fixtures/sessionless-client.ts";

// Real processes on a shared machine: generous, and never part of an assertion.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const RESOURCE = "https://mcp.example.com/memory/mcp";
const SSE_RESOURCE = "https://mcp.example.com/memory/sse";
const STATIC = "a-static-token";
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const metadataOf = (path: string) => `https://mcp.example.com/.well-known/oauth-protected-resource/memory${path}`;

let provider: OpenIdProvider;
let bridge: RunningBridge;
beforeAll(async () => {
  provider = await startOpenIdProvider();
  bridge = await startBridge({
    args: ["--oauth-issuer", provider.issuer, "--oauth-scope", "mcp:tools", "--log-level", "debug"],
    env: {
      MCP_OAUTH_RESOURCE: RESOURCE,
      MCP_OAUTH_AUDIENCES: "api://memory",
      MCP_AUTH_TOKEN_SHA256: createHash("sha256").update(STATIC).digest("hex"),
    },
  });
});
afterAll(async () => {
  await bridge.stop();
  await provider.stop();
});

/** Claims that are fine. */
const claims = (more: object = {}) => ({
  iss: provider.issuer,
  aud: RESOURCE,
  sub: "somebody",
  client_id: "app",
  scope: "mcp:tools",
  iat: now(),
  exp: now() + 300,
  ...more,
});
const statusOf = async (token: string): Promise<number> =>
  (await initialize(bridge.url, undefined, {}, bearer(token))).status;

describe("metadata (RFC 9728)", () => {
  const shared = {
    scopes_supported: ["mcp:tools"],
    bearer_methods_supported: ["header"],
    resource_name: "fixture",
  };

  test.each([
    ["", RESOURCE],
    ["/mcp", RESOURCE],
    ["/sse", SSE_RESOURCE],
    ["/memory/mcp", RESOURCE],
    ["/memory/sse", SSE_RESOURCE],
  ])(
    "%s is readable without a token and follows the configured resource, not the Host header",
    async (path, resource) => {
      const reply = await rawRequest(bridge.port, {
        method: "GET",
        path: `/.well-known/oauth-protected-resource${path}`,
        headers: { host: `localhost:${bridge.port}` },
      });
      expect([reply.status, reply.headers["content-type"]]).toEqual([200, "application/json"]);
      expect(JSON.parse(reply.body)).toEqual({ resource, authorization_servers: [provider.issuer], ...shared });
    },
  );

  test("nothing else is described, and nothing can be posted", async () => {
    const base = `${bridge.url}/.well-known/oauth-protected-resource`;
    expect((await send(`${base}/other`, "GET")).status).toBe(404);
    const posted = await send(base, "POST", "{}");
    expect([posted.status, posted.headers.get("allow")]).toEqual([405, "GET"]);
  });

  test("without OAuth there is none", async () => {
    const plain = await startBridge();
    expect((await send(`${plain.url}/.well-known/oauth-protected-resource`, "GET")).status).toBe(404);
    await plain.stop();
  });
});

describe("401 and 403", () => {
  test.each([
    ["POST", "/mcp", "/mcp"],
    ["GET", "/mcp", "/mcp"],
    ["DELETE", "/mcp", "/mcp"],
    ["GET", "/sse", "/sse"],
    ["POST", "/messages?sessionId=x", "/sse"],
  ])("%s %s without a token: where the metadata is, and which scope to ask for", async (method, path, metadata) => {
    const reply = await send(`${bridge.url}${path}`, method);
    expect([reply.status, reply.headers.get("www-authenticate")]).toEqual([
      401,
      `Bearer realm="mcp", scope="mcp:tools", resource_metadata="${metadataOf(metadata)}"`,
    ]);
    const message = "an access token is needed: send `Authorization: Bearer TOKEN`";
    expect(reply.messages).toEqual([{ jsonrpc: "2.0", id: null, error: { code: -32000, message } }]);
  });

  test("another scheme: invalid_request", async () => {
    const reply = await initialize(bridge.url, undefined, {}, { authorization: "Basic abc" });
    expect([reply.status, reply.headers.get("www-authenticate")]).toEqual([
      401,
      `Bearer realm="mcp", error="invalid_request", scope="mcp:tools", resource_metadata="${metadataOf("/mcp")}"`,
    ]);
  });

  test("a token without the scope, as the provider gives it: 403 insufficient_scope, in every era", async () => {
    const token = await provider.token("alice", RESOURCE, "mcp:admin");
    const replies = [
      await initialize(bridge.url, undefined, {}, bearer(token)),
      await request(bridge.url, "tools/list", {}, { headers: bearer(token) }),
      await send(`${bridge.url}/sse`, "GET", undefined, bearer(token)),
    ];
    const description = "the token lacks the scope mcp:tools";
    for (const [i, reply] of replies.entries()) {
      expect([reply.status, reply.messages[0].error.message, reply.headers.get("www-authenticate")]).toEqual([
        403,
        description,
        `Bearer realm="mcp", error="insufficient_scope", error_description="${description}", scope="mcp:tools", resource_metadata="${metadataOf(i < 2 ? "/mcp" : "/sse")}"`,
      ]);
    }
  });

  test("a token for another service, as the provider gives it", async () => {
    const reply = await initialize(
      bridge.url,
      undefined,
      {},
      bearer(await provider.token("alice", "https://other.example.com/mcp")),
    );
    const description = "the token is for another audience";
    expect([reply.status, reply.headers.get("www-authenticate")]).toEqual([
      401,
      `Bearer realm="mcp", error="invalid_token", error_description="${description}", scope="mcp:tools", resource_metadata="${metadataOf("/mcp")}"`,
    ]);
  });

  test("forged, foreign, stale and unfit tokens", async () => {
    const other = await newKey();
    const { key } = provider;
    const { iat, exp, sub, client_id, aud, iss, ...rest } = claims();
    const publicKey = await importJWK({ ...key.jwk, d: undefined } as never, key.alg);
    const publicPem = new TextEncoder().encode(await exportSPKI(publicKey as never));
    const unsigned = [{ alg: "none", typ: "at+jwt" }, claims()].map((part) =>
      Buffer.from(JSON.stringify(part)).toString("base64url"),
    );
    const good = await forge(key, claims());
    const unsigner = good.split(".").slice(0, 2).join(".");
    const cases: readonly (readonly [string, string])[] = [
      ["not-a-jwt", "the token is not a JWT"],
      ["a.b.c", "the token is not a JWT"],
      [`${unsigned.join(".")}.`, "the token is not signed by a key of its issuer"],
      [`${unsigner}.`, "the token is not signed by a key of its issuer"],
      [
        `${unsigner}.${(await forge(key, claims({ sub: "other" }))).split(".")[2]}`,
        "the token is not signed by a key of its issuer",
      ],
      // The right key id, the wrong key.
      [await forge({ ...other, kid: key.kid }, claims()), "the token is not signed by a key of its issuer"],
      [await forge(other, claims()), "the token is not signed by a key of its issuer"],
      // The public key taken for a shared secret.
      [
        await forge({ alg: "HS256", kid: key.kid, privateKey: publicPem }, claims()),
        "the token is not signed by a key of its issuer",
      ],
      [
        await forge(key, claims({ iss: "https://evil.example.com" })),
        "the token is of an issuer that is not trusted here",
      ],
      [await forge(key, claims({ iss: `${provider.issuer}/` })), "the token is of an issuer that is not trusted here"],
      [await forge(key, { aud, sub, exp, ...rest }), "the token is of an issuer that is not trusted here"],
      [await forge(key, { iss, sub, exp, ...rest }), "the token is for another audience"],
      [
        await forge(key, claims({ aud: ["https://mcp.example.com", `${RESOURCE}/x`] })),
        "the token is for another audience",
      ],
      [await forge(key, claims({ exp: now() - 60 })), "the token has expired"],
      [await forge(key, { iss, aud, sub, ...rest }), "the token has no valid exp"],
      [await forge(key, claims({ nbf: now() + 60 })), "the token is not valid yet"],
      [await forge(key, { iss, aud, exp, ...rest }), "the token names neither a subject nor a client"],
      [await forge(key, claims(), { typ: "logout+jwt" }), "the token is not an access token"],
      [
        await forge(key, claims({ cnf: { jkt: "x" } })),
        "the token is bound to a key of its holder; send a bearer token",
      ],
    ];
    for (const [token, message] of cases) {
      const reply = await initialize(bridge.url, undefined, {}, bearer(token));
      expect([reply.status, reply.messages[0]?.error.message]).toEqual([401, message]);
      expect(reply.headers.get("www-authenticate")).toContain('error="invalid_token"');
    }
    expect(await statusOf(good)).toBe(200);
  });

  test("what issuers differ in and is fine", async () => {
    const { scope, ...unscoped } = claims();
    const { key } = provider;
    const fine = [
      await forge(key, claims(), {}),
      await forge(key, claims(), { typ: "JWT" }),
      await forge(key, claims(), { typ: "application/at+jwt" }),
      await forge(key, claims({ aud: ["https://other.example.com", RESOURCE] })),
      await forge(key, claims({ aud: SSE_RESOURCE })),
      await forge(key, claims({ aud: "api://memory" })),
      await forge(key, claims({ scope: "mcp:admin mcp:tools" })),
      await forge(key, { ...unscoped, scp: "mcp:admin mcp:tools" }),
      await forge(key, { ...unscoped, scp: ["mcp:admin", "mcp:tools"] }),
      // Within what clocks may differ by.
      await forge(key, claims({ exp: now() - 5, nbf: now() + 5 })),
    ];
    expect(await Promise.all(fine.map(statusOf))).toEqual(fine.map(() => 200));
    const lacking = [
      await forge(key, unscoped),
      await forge(key, claims({ scope: "mcp:toolsmith" })),
      await forge(key, { ...unscoped, scp: [["mcp:tools"], 1] }),
    ];
    expect(await Promise.all(lacking.map(statusOf))).toEqual(lacking.map(() => 403));
  });

  test("a token in the URL is refused, even with a good one in the header, and never logged", async () => {
    const token = await provider.token("alice", RESOURCE);
    for (const path of ["/mcp", "/sse", "/messages"]) {
      const reply = await send(`${bridge.url}${path}?access_token=${token}`, "POST", "{}", bearer(token));
      expect([reply.status, reply.messages[0].error.message]).toEqual([
        400,
        "a token must not be in the URL; send it as `Authorization: Bearer TOKEN`, and change this one",
      ]);
    }
    expect(JSON.stringify(bridge.log)).not.toContain(token);
  });
});

describe("a good token", () => {
  test("opens a session that stays after the token was refreshed, and exists for nobody else", async () => {
    const first = await provider.token("alice", RESOURCE);
    const refreshed = await provider.token("alice", RESOURCE, "mcp:tools mcp:admin");
    const others = [await provider.token("bob", RESOURCE), STATIC];
    expect(refreshed).not.toBe(first);
    const session = await openSession(bridge.url, "2025-11-25", {}, bearer(first));
    const ping = { jsonrpc: "2.0", id: 1, method: "ping" };
    expect(await session.call("echo", { text: "hi" })).toBe("hi");
    expect((await session.post(ping, bearer(refreshed))).status).toBe(200);
    for (const other of others) {
      expect((await session.post(ping, bearer(other))).status).toBe(404);
      const headers = { ...session.headers, ...bearer(other) };
      expect((await send(session.url, "DELETE", undefined, headers)).status).toBe(404);
      expect((await send(session.url, "GET", undefined, { ...headers, accept: "text/event-stream" })).status).toBe(404);
    }
    expect((await session.post(ping, {})).status).toBe(200);
    await session.delete();
  });

  test("one person in two applications, or two people in one, are strangers", async () => {
    const token = (who: object) => forge(provider.key, claims(who));
    const session = await openSession(bridge.url, "2025-11-25", {}, bearer(await token({ sub: "a", client_id: "x" })));
    const ping = { jsonrpc: "2.0", id: 1, method: "ping" };
    const statuses = [];
    for (const who of [
      { sub: "a", client_id: "x", jti: "2" },
      { sub: "b", client_id: "x" },
      { sub: "a", client_id: "y" },
    ]) {
      statuses.push((await session.post(ping, bearer(await token(who)))).status);
    }
    expect(statuses).toEqual([200, 404, 404]);
    await session.delete();
  });

  test("over SSE, with an audience of /sse: the same rules", async () => {
    const alice = await provider.token("alice", SSE_RESOURCE);
    const sse = await SseSession.open(bridge.url, bearer(alice));
    expect(await sse.call("echo", { text: "sse" })).toBe("sse");
    const post = async (token: string): Promise<number> =>
      (
        await send(`${bridge.url}${sse.endpoint}`, "POST", '{"jsonrpc":"2.0","id":7,"method":"ping"}', {
          "content-type": "application/json",
          ...bearer(token),
        })
      ).status;
    expect(await post(await provider.token("bob", RESOURCE))).toBe(404);
    expect(await post(await provider.token("alice", RESOURCE))).toBe(202);
    sse.close();
  });

  test("without sessions (2026-07-28): served, and callers never share a server", async () => {
    const alice = bearer(await provider.token("alice", RESOURCE));
    const again = bearer(await provider.token("alice", RESOURCE));
    const bob = bearer(await provider.token("bob", RESOURCE));
    const pidOf = async (headers: Record<string, string>): Promise<string> =>
      (await call(bridge.url, "pid", {}, { headers })).result.content[0].text;
    const pid = await pidOf(alice);
    expect(await pidOf(again)).toBe(pid);
    expect(await pidOf(bob)).not.toBe(pid);
    expect((await request(bridge.url, "tools/list")).status).toBe(401);
  });

  test("a call that waits for input (2026-07-28) goes on with a refreshed token, and for its caller only", async () => {
    const as = async (client: "alice" | "bob") => ({
      capabilities: { elicitation: {} },
      headers: bearer(await provider.token(client, RESOURCE)),
    });
    const ask = { method: "elicitation/create", params: { message: "who?" } };
    const first = await call(bridge.url, "ask", ask, await as("alice"));
    const retry = {
      inputResponses: { "elicitation-1": { action: "accept", content: {} } },
      requestState: first.result.requestState,
    };
    expect((await call(bridge.url, "ask", ask, { ...(await as("bob")), retry })).error.code).toBe(-32602);
    const second = await call(bridge.url, "ask", ask, { ...(await as("alice")), retry });
    expect(JSON.parse(second.result.content[0].text).result).toEqual({ action: "accept", content: {} });
  });

  test("a static token does as well", async () => {
    const session = await openSession(bridge.url, "2025-11-25", {}, bearer(STATIC));
    expect(await session.call("echo", { text: "static" })).toBe("static");
    await session.delete();
  });
});

test("a bridge whose issuer is away starts, answers 503 in every era, and recovers by itself", async () => {
  const away = await startOpenIdProvider();
  const token = bearer(await away.token("alice", RESOURCE));
  await away.stop();
  const waiting = await startBridge({ args: ["--oauth-issuer", away.issuer, "--oauth-resource", RESOURCE] });
  const replies = [
    await initialize(waiting.url, undefined, {}, token),
    await request(waiting.url, "tools/list", {}, { headers: token }),
    await send(`${waiting.url}/sse`, "GET", undefined, token),
  ];
  for (const reply of replies) {
    expect([reply.status, Number(reply.headers.get("retry-after")) >= 1]).toEqual([503, true]);
    expect(reply.messages[0].error.message).toMatch(/^the issuer http:\S+ cannot be reached just now, so no token/);
  }
  expect((await initialize(waiting.url)).status).toBe(401);
  expect((await send(`${waiting.url}/.well-known/oauth-protected-resource/mcp`, "GET")).status).toBe(200);
  expect(await waiting.metric('mcp_failures_total{cause="issuer_unreachable"}')).toBe(3);
  expect(waiting.log.filter(({ event }) => event === "issuer_unreachable").length).toBe(1);
  const back = await startOpenIdProvider({ port: away.port, key: away.key });
  await until("the issuer is back", async () => (await initialize(waiting.url, undefined, {}, token)).status === 200);
  await waiting.stop();
  await back.stop();
});

test("the library for tokens is loaded only when it is needed, and its lack is said", async () => {
  const folder = mkdtempSync(join(tmpdir(), "bridge-alone-"));
  for (const part of ["bin", "src", "package.json"]) {
    cpSync(fileURLToPath(new URL(`../${part}`, import.meta.url)), join(folder, part), { recursive: true });
  }
  const script = join(folder, "bin/mcp-bridge.ts");
  const plain = await startBridge({ script });
  expect((await send(`${plain.url}/metrics`, "GET")).status).toBe(200);
  await plain.stop();
  const oauth = startBridge({ script, args: ["--oauth-issuer", provider.issuer, "--oauth-resource", RESOURCE] });
  await expect(oauth).rejects.toThrow(
    'OAuth needs the package \\"jose\\", which cannot be loaded; install the bridge\'s dependencies with `npm ci`',
  );
  rmSync(folder, { recursive: true });
});

test("logs name the mode and what was wrong, but no token, claim or session, also on debug level", async () => {
  const token = await provider.token("alice", RESOURCE);
  const session = await openSession(bridge.url, "2025-11-25", {}, bearer(token));
  await session.delete();
  const expired = await forge(provider.key, claims({ sub: "a-certain-person", exp: now() - 90 }));
  expect(await statusOf(expired)).toBe(401);
  expect(bridge.log.find(({ event }) => event === "listening")?.auth).toBe("bearer+oauth");
  const refused = bridge.log.filter(({ event }) => event === "token_refused").at(-1);
  expect([refused?.error, refused?.reason]).toEqual(["invalid_token", "the token has expired"]);
  const log = JSON.stringify(bridge.log);
  const parts = [token, expired].flatMap((text) => text.split("."));
  // The header of two tokens of one key is the same, and no secret.
  for (const secret of [...parts, session.id, STATIC, "a-certain-person"]) expect(log).not.toContain(secret);
});
