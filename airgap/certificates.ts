/**
 * Certificate authorities that only this host knows (a company's TLS inspection, a private mirror). A container that
 * lacks them cannot reach the mirrors that the host reaches.
 */
import { X509Certificate } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Where Debian keeps its bundle, on the host and in an image. */
const BUNDLE = "/etc/ssl/certs/ca-certificates.crt";

const PACKAGED = "/usr/share/ca-certificates";

/** The PEM blocks of a bundle. */
export function splitPem(text: string): string[] {
  return text.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
}

/** Those certificates of `bundle` that none of `known` holds, each once, in the bundle's order. */
export function addedCertificates(bundle: string, known: string[]): string[] {
  const seen = new Set(known.flatMap(splitPem).map(fingerprint));
  return splitPem(bundle).filter((pem) => {
    const id = fingerprint(pem);
    if (seen.has(id)) return false;
    seen.add(id);
    return true;
  });
}

/** Authorities in the host's bundles that did not come with its distribution's ca-certificates package. */
export function hostCertificates(env: NodeJS.ProcessEnv = process.env): string[] {
  const bundles = [env.SSL_CERT_FILE, env.NODE_EXTRA_CA_CERTS, BUNDLE]
    .filter((path): path is string => path !== undefined && existsSync(path))
    .map((path) => readFileSync(path, "utf8"));
  const packaged = existsSync(PACKAGED)
    ? readdirSync(PACKAGED, { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith(".crt"))
        .map((name) => readFileSync(join(PACKAGED, name), "utf8"))
    : [];
  return addedCertificates(bundles.join("\n"), packaged);
}

/**
 * Variables that make tools use the bundle of the image: Node and pip trust the authorities that they carry
 * themselves, and look at the system's only when told to.
 */
export const bundleEnvironment: Readonly<Record<string, string>> = {
  SSL_CERT_FILE: BUNDLE,
  NODE_EXTRA_CA_CERTS: BUNDLE,
  PIP_CERT: BUNDLE,
  REQUESTS_CA_BUNDLE: BUNDLE,
};

function fingerprint(pem: string): string {
  return new X509Certificate(pem).fingerprint256;
}
