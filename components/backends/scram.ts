import { createHash, createHmac, pbkdf2Sync } from "node:crypto";

/** What Postgres itself uses. */
const iterations = 4096;

const hmac = (key: Buffer, text: string) => createHmac("sha256", key).update(text).digest();

/** The verifier of RFC 5803 in the form that Postgres keeps: with it a login can be checked, but not made. */
export function scramVerifierWithSalt(password: string, salt: Buffer, rounds = iterations): string {
  const salted = pbkdf2Sync(password, salt, rounds, 32, "sha256");
  const storedKey = createHash("sha256").update(hmac(salted, "Client Key")).digest("base64");
  const serverKey = hmac(salted, "Server Key").toString("base64");
  return `SCRAM-SHA-256$${rounds}:${salt.toString("base64")}$${storedKey}:${serverKey}`;
}

/**
 * The verifier of a role's password. Role and password decide the salt too, so that the same ones always give the same
 * text and a second run has nothing to change. A server tells the salt to whoever asks to log in: it is derived as
 * slowly as the verifier is, so that it is no quicker way to try passwords.
 *
 * @throws Error for a password that Postgres would rewrite before it hashes it.
 */
export function scramVerifier(role: string, password: string): string {
  if (!/^[\x20-\x7e]+$/.test(password))
    throw new Error(`password of role "${role}": it is empty or has characters beyond ASCII; use printable ASCII`);
  const salt = pbkdf2Sync(password, `mcp-infrastructure salt of ${role}`, iterations, 16, "sha256");
  return scramVerifierWithSalt(password, salt);
}
