import { createHash, createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import { scramVerifier, scramVerifierWithSalt } from "../../components/backends/scram.ts";

/** The parts of a verifier. */
function partsOf(verifier: string) {
  const parts = /^SCRAM-SHA-256\$(\d+):([^$]+)\$([^:]+):(.+)$/.exec(verifier);
  if (!parts) throw new Error(`${verifier} is no verifier`);
  const [, rounds = "", salt = "", stored = "", server = ""] = parts;
  return { rounds, salt, storedKey: Buffer.from(stored, "base64"), serverKey: Buffer.from(server, "base64") };
}

describe("a SCRAM verifier", () => {
  // The exchange in RFC 7677, section 3.
  const message = [
    "n=user,r=rOprNGfwEbeRWgbNEkqO",
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
  ].join(",");
  const proof = Buffer.from("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", "base64");
  const signature = "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

  it("accepts the proof of RFC 7677's example, and signs as its server does", () => {
    const verifier = scramVerifierWithSalt("pencil", Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64"));
    const { rounds, salt, storedKey, serverKey } = partsOf(verifier);
    expect([rounds, salt]).toEqual(["4096", "W22ZaJ0SNY7soEsUEjb6gQ=="]);
    const mask = createHmac("sha256", storedKey).update(message).digest();
    const clientKey = proof.map((byte, index) => byte ^ (mask[index] ?? 0));
    expect(createHash("sha256").update(clientKey).digest()).toEqual(storedKey);
    expect(createHmac("sha256", serverKey).update(message).digest("base64")).toBe(signature);
  });

  it("is the same for the same role and password, and another with another of either", () => {
    const verifier = scramVerifier("memory_user", "secret");
    expect(scramVerifier("memory_user", "secret")).toBe(verifier);
    const others = [scramVerifier("memory_user", "other"), scramVerifier("reader", "secret")];
    expect(new Set([verifier, ...others].map((text) => partsOf(text).salt)).size).toBe(3);
    expect(Buffer.from(partsOf(verifier).salt, "base64")).toHaveLength(16);
  });

  it.each(["", "pässword", "line\nbreak"])("is refused for password %j", (password) => {
    expect(() => scramVerifier("reader", password)).toThrow(
      'password of role "reader": it is empty or has characters beyond ASCII; use printable ASCII',
    );
  });
});
