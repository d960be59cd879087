import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { Auth } from "../src/auth.ts";
import { type RunningBridge, startBridge } from "./fixtures/bridge.ts";
import { initialize, openSession, SseSession, send } from "./fixtures/http-client.ts";

// Real processes on a shared machine: generous, and never part of an assertion.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const TOKENS = { first: "token-of-the-first", second: "token-of-the-second", file: "token-from-a-file" };
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

let bridge: RunningBridge;
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "bridge-auth-"));
  writeFileSync(join(folder, "tokens"), `# rotated monthly\n\n${TOKENS.file}\n`);
  bridge = await startBridge({
    args: ["--auth-token-file", join(folder, "tokens"), "--log-level", "debug"],
    env: { MCP_AUTH_TOKEN_SHA256: `${sha256(TOKENS.first)},${sha256(TOKENS.second)}` },
  });
});
afterAll(async () => {
  await bridge.stop();
  rmSync(folder, { recursive: true });
});

test("missing, malformed or wrong: 401 with WWW-Authenticate and a body that helps", async () => {
  for (const [headers, challenge, message] of [
    [{}, 'Bearer realm="mcp"', "a bearer token is needed: send `Authorization: Bearer TOKEN`"],
    [
      { authorization: "Basic abc" },
      'Bearer realm="mcp", error="invalid_request"',
      "the Authorization header is not `Bearer TOKEN`",
    ],
    [bearer("wrong"), 'Bearer realm="mcp", error="invalid_token"', "the bearer token is not accepted here"],
  ] as const) {
    for (const [method, path] of [
      ["POST", "/mcp"],
      ["GET", "/mcp"],
      ["DELETE", "/mcp"],
      ["GET", "/sse"],
      ["POST", "/messages?sessionId=x"],
    ] as const) {
      const reply = await send(`${bridge.url}${path}`, method, undefined, headers);
      expect([reply.status, reply.headers.get("www-authenticate")]).toEqual([401, challenge]);
      expect(reply.messages[0]).toEqual({ jsonrpc: "2.0", id: null, error: { code: -32000, message } });
    }
  }
});

test("each of several tokens is accepted, from the environment and from the file", async () => {
  for (const token of Object.values(TOKENS)) {
    const session = await openSession(bridge.url, "2025-11-25", {}, bearer(token));
    expect(await session.call("echo", { text: token })).toBe(token);
    await session.delete();
  }
  const sse = await SseSession.open(bridge.url, bearer(TOKENS.first));
  expect(await sse.call("echo", { text: "sse" })).toBe("sse");
  sse.close();
});

test("a session belongs to the token that opened it: to another one it does not exist", async () => {
  const session = await openSession(bridge.url, "2025-11-25", {}, bearer(TOKENS.first));
  expect((await session.post({ jsonrpc: "2.0", id: 1, method: "ping" }, bearer(TOKENS.second))).status).toBe(404);
  expect((await session.post({ jsonrpc: "2.0", id: 1, method: "ping" })).status).toBe(200);
  await session.delete();
});

test("ids of sessions are 256 random bits, on both transports", async () => {
  const ids = new Set<string>();
  for (let i = 0; i < 4; i++) {
    const session = await openSession(bridge.url, "2025-11-25", {}, bearer(TOKENS.first));
    const sse = await SseSession.open(bridge.url, bearer(TOKENS.first));
    for (const id of [session.id, new URL(sse.endpoint, bridge.url).searchParams.get("sessionId") ?? ""]) {
      expect(Buffer.from(id, "base64url").length).toBe(32);
      ids.add(id);
    }
    sse.close();
    await session.delete();
  }
  expect(ids.size).toBe(8);
});

test("static tokens never wait: the answer is there at once, with OAuth on as well", () => {
  const oauth = {
    name: "test",
    oauthIssuer: ["https://issuer.example.com"],
    oauthResource: "https://mcp.example.com/mcp",
    oauthAudience: [],
    oauthScope: [],
    oauthJwksUri: undefined,
  };
  const principal = sha256(TOKENS.first);
  for (const settings of [{ ...oauth, oauthIssuer: [] }, oauth]) {
    const auth = new Auth([principal], settings, () => {});
    expect(auth.check(`Bearer ${TOKENS.first}`, "/mcp")).toEqual({ ok: true, principal });
    expect(auth.check(undefined, "/mcp")).toMatchObject({ ok: false, refusal: { status: 401 } });
  }
});

test("health and metrics are open, and the server never sees the bridge's auth settings", async () => {
  expect((await send(`${bridge.url}/metrics`, "GET")).status).toBe(200);
  expect([200, 503]).toContain((await send(`${bridge.url}/health`, "GET")).status);
  const session = await openSession(bridge.url, "2025-11-25", {}, bearer(TOKENS.first));
  const names = JSON.parse(await session.call("environment")) as string[];
  expect(names.filter((name) => name.startsWith("MCP_AUTH"))).toEqual([]);
  expect(names).toContain("BRIDGE_TEST_MARK");
  await session.delete();
});

test("neither a token, nor a digest, nor a session id is ever logged", async () => {
  const session = await openSession(bridge.url, "2025-11-25", {}, bearer(TOKENS.first));
  await session.delete();
  await send(`${bridge.url}/mcp?access_token=${TOKENS.first}`, "GET", undefined, bearer(TOKENS.first));
  await send(`${bridge.url}/unknown/${TOKENS.first}?token=${TOKENS.first}`, "GET", undefined, bearer(TOKENS.first));
  const log = JSON.stringify(bridge.log);
  for (const secret of [...Object.values(TOKENS), ...Object.values(TOKENS).map(sha256), session.id, "wrong"]) {
    expect(log).not.toContain(secret);
  }
  expect(bridge.log.find(({ event }) => event === "listening")?.auth).toBe("bearer");
});

test("without a token everyone may call, and the log says so", async () => {
  const open = await startBridge();
  expect((await initialize(open.url)).status).toBe(200);
  expect(open.log.find(({ event }) => event === "listening")?.auth).toMatch(/^off/);
  await open.stop();
});
