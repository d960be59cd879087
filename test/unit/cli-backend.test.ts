import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import {
  type BackendFacts,
  chooseBackend,
  ensurePassphrase,
  findBackend,
  ownBackendUrl,
  passphraseFile,
  withoutCredentials,
} from "../../cli/backend.ts";

const folder = mkdtempSync(join(tmpdir(), "mcp-backend-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const nothing: BackendFacts = {
  environmentUrl: undefined,
  accessToken: false,
  projectUrl: undefined,
  loggedInTo: undefined,
  passphrase: false,
};

describe("the choice of a backend", () => {
  it("is a folder and a passphrase of this clone where the user has chosen none", () => {
    expect(chooseBackend(nothing)).toEqual({ own: true, description: "folder .mcp/state", ownPassphrase: true });
  });

  it("leaves a user's passphrase alone", () => {
    expect(chooseBackend({ ...nothing, passphrase: true })).toMatchObject({ own: true, ownPassphrase: false });
  });

  it.each([
    [{ environmentUrl: "s3://bucket", loggedInTo: "https://api.pulumi.com" }, "s3://bucket (PULUMI_BACKEND_URL)"],
    [{ projectUrl: "gs://bucket", loggedInTo: "https://api.pulumi.com" }, "gs://bucket (Pulumi.yaml)"],
    [{ loggedInTo: "https://api.pulumi.com" }, "https://api.pulumi.com (logged in)"],
    [{ accessToken: true }, "Pulumi Cloud (PULUMI_ACCESS_TOKEN)"],
  ])("is the user's own with %j", (facts, description) => {
    expect(chooseBackend({ ...nothing, ...facts })).toEqual({ own: false, description, ownPassphrase: false });
  });
});

describe("what the user has chosen", () => {
  it("is found in the environment and in the login, and nothing of a token is kept", () => {
    writeFileSync(
      join(folder, "credentials.json"),
      JSON.stringify({ current: "https://api.example.com", accessTokens: { "https://api.example.com": "pul-secret" } }),
    );
    const facts = findBackend(folder, { PULUMI_CONFIG_PASSPHRASE: "" });
    expect(facts).toEqual({ ...nothing, loggedInTo: "https://api.example.com", passphrase: true });
    expect(JSON.stringify(facts)).not.toContain("pul-secret");
  });

  it("is not what `npm run env` has put into the environment", () => {
    const env = { PULUMI_BACKEND_URL: ownBackendUrl, PULUMI_CONFIG_PASSPHRASE_FILE: passphraseFile };
    expect(findBackend(join(folder, "nobody"), env)).toEqual(nothing);
  });
});

describe("the passphrase", () => {
  it("is made once, long, and readable by its user only", () => {
    const file = join(folder, "passphrase");
    ensurePassphrase(file);
    const first = readFileSync(file, "utf8");
    ensurePassphrase(file);
    expect(readFileSync(file, "utf8")).toBe(first);
    expect(first).toMatch(/^[\w-]{43}\n$/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });
});

it("prints no password of a backend's URL", () => {
  expect(withoutCredentials("postgres://me:secret@db:5432/state?sslmode=off")).toBe("postgres://***@db:5432/state");
  expect(withoutCredentials("s3://bucket?endpoint=x")).toBe("s3://bucket");
});
