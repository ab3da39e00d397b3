import { sha256Hex } from "./tls-digest.ts";
import { type CertificateFacts, decodeCertificate } from "./x509.ts";

export interface KnownCertificate {
  /** Of its DER, lower-case hexadecimal. */
  readonly sha256: string;
  /** Undefined when it is none. */
  readonly facts: CertificateFacts | undefined;
}

/** A server shows the same one in every session. */
const known = new Map<string, KnownCertificate>();
const KNOWN_MAX = 1024;

/** What is in a certificate in DER; read once for as long as it is remembered. */
export function knownCertificate(der: Uint8Array): KnownCertificate {
  const sha256 = sha256Hex(der);
  let certificate = known.get(sha256);
  if (certificate === undefined) {
    certificate = { sha256, facts: decodeCertificate(der) };
    if (known.size >= KNOWN_MAX) known.clear();
    known.set(sha256, certificate);
  }
  return certificate;
}
