/** Where Pulumi keeps state and how it encrypts secrets: the user's own choice, else a folder and a passphrase here. */
import { randomBytes } from "node:crypto";
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { parse } from "yaml";
import { localFolder, projectFolder } from "./paths.ts";

/** State of this clone's own backend. */
export const stateFolder = join(localFolder, "state");

/** Passphrase of this clone's own backend, readable by its user only. */
export const passphraseFile = join(localFolder, "passphrase");

/** What was found about the user's own choice. */
export interface BackendFacts {
  /** PULUMI_BACKEND_URL. */
  environmentUrl: string | undefined;
  /** PULUMI_ACCESS_TOKEN is set: Pulumi Cloud is meant. */
  accessToken: boolean;
  /** `backend.url` of Pulumi.yaml. */
  projectUrl: string | undefined;
  /** `current` of the user's credentials.json: logged in. */
  loggedInTo: string | undefined;
  /** PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE is set. */
  passphrase: boolean;
}

/** Which backend is used, and whose passphrase. */
export interface Backend {
  own: boolean;
  /** For a reader: where the state is, and who said so. */
  description: string;
  /** Whether the generated passphrase is used. */
  ownPassphrase: boolean;
}

/** The user's choice in Pulumi's own order; only one who has made none gets a backend from us. */
export function chooseBackend(facts: BackendFacts): Backend {
  const users = (description: string): Backend => ({ own: false, description, ownPassphrase: false });
  if (facts.environmentUrl) return users(`${withoutCredentials(facts.environmentUrl)} (PULUMI_BACKEND_URL)`);
  if (facts.projectUrl) return users(`${withoutCredentials(facts.projectUrl)} (Pulumi.yaml)`);
  if (facts.loggedInTo) return users(`${withoutCredentials(facts.loggedInTo)} (logged in)`);
  if (facts.accessToken) return users("Pulumi Cloud (PULUMI_ACCESS_TOKEN)");
  return { own: true, description: "folder .mcp/state", ownPassphrase: !facts.passphrase };
}

/** Looks for the user's choice; what `npm run env` has put into this very environment is not one. */
export function findBackend(userHome: string, env: NodeJS.ProcessEnv = process.env): BackendFacts {
  const url = env.PULUMI_BACKEND_URL;
  const file = env.PULUMI_CONFIG_PASSPHRASE_FILE;
  const credentials = join(env.PULUMI_CREDENTIALS_PATH || userHome, "credentials.json");
  return {
    environmentUrl: url === ownBackendUrl ? undefined : url,
    accessToken: Boolean(env.PULUMI_ACCESS_TOKEN),
    projectUrl: readKey(join(projectFolder, "Pulumi.yaml"), "backend", "url"),
    // Only which backend is current: the tokens in this file are none of our business.
    loggedInTo: readKey(credentials, "current"),
    passphrase: env.PULUMI_CONFIG_PASSPHRASE !== undefined || (file !== undefined && file !== passphraseFile),
  };
}

/** URL of this clone's own backend. */
export const ownBackendUrl = pathToFileURL(stateFolder).href;

/** Environment that makes Pulumi use the backend; makes state folder and passphrase when they are ours. */
export function prepareBackend(backend: Backend): Record<string, string> {
  if (!backend.own) return {};
  mkdirSync(stateFolder, { recursive: true, mode: 0o700 });
  if (backend.ownPassphrase) ensurePassphrase(passphraseFile);
  return {
    PULUMI_BACKEND_URL: ownBackendUrl,
    ...(backend.ownPassphrase ? { PULUMI_CONFIG_PASSPHRASE_FILE: passphraseFile } : {}),
  };
}

/** Makes the passphrase once; one that is there is never touched, and a broken-off run leaves none that is empty. */
export function ensurePassphrase(file: string): void {
  if (existsSync(file)) return;
  const unfinished = `${file}.${process.pid}`;
  writeFileSync(unfinished, `${randomBytes(32).toString("base64url")}\n`, { mode: 0o600 });
  try {
    linkSync(unfinished, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    rmSync(unfinished, { force: true });
  }
}

/** State URLs may carry a password; none is ever printed. */
export function withoutCredentials(url: string): string {
  return url.replace(/\/\/[^/@]*@/, "//***@").replace(/\?.*$/, "");
}

function readKey(file: string, ...path: string[]): string | undefined {
  try {
    let value: unknown = parse(readFileSync(file, "utf8"));
    for (const key of path) value = (value as Record<string, unknown> | undefined)?.[key];
    return typeof value === "string" && value !== "" ? value : undefined;
  } catch {
    return undefined;
  }
}
