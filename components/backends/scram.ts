import { createHash, createHmac, pbkdf2Sync } from "node:crypto";

/** Postgres' own default. */
const iterations = 4096;

/**
 * What Postgres keeps of a password: a SCRAM-SHA-256 verifier (RFC 5803, RFC 7677). Its salt follows from role and
 * password, so that the same password gives the same verifier and a second run changes nothing; salts are there to make
 * equal passwords differ, and these are all random.
 */
export function scramVerifier(role: string, password: string): string {
  const salt = createHash("sha256").update(`mcp-infrastructure\0${role}\0${password}`).digest().subarray(0, 16);
  return scramVerifierWith(password, salt);
}

/** The verifier with a given salt. Passwords are ASCII, which SASLprep leaves as it is. */
export function scramVerifierWith(password: string, salt: Buffer): string {
  const salted = pbkdf2Sync(password, salt, iterations, 32, "sha256");
  const hmac = (text: string) => createHmac("sha256", salted).update(text).digest();
  const storedKey = createHash("sha256").update(hmac("Client Key")).digest("base64");
  return `SCRAM-SHA-256$${iterations}:${salt.toString("base64")}$${storedKey}:${hmac("Server Key").toString("base64")}`;
}
