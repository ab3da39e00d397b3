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
/** What is remembered has at most so many characters of text, what it costs beside that included. */
const KNOWN_MAX = 1024 * 1024;
const KNOWN_EACH = 256;
let size = 0;

/** What is in a certificate in DER; read once for as long as it is remembered. */
export function knownCertificate(der: Uint8Array): KnownCertificate {
  const sha256 = sha256Hex(der);
  let certificate = known.get(sha256);
  if (certificate === undefined) {
    certificate = { sha256, facts: decodeCertificate(der) };
    size += sizeOf(certificate);
    if (size > KNOWN_MAX) {
      known.clear();
      size = sizeOf(certificate);
    }
    known.set(sha256, certificate);
  }
  return certificate;
}

function sizeOf({ facts }: KnownCertificate): number {
  if (facts === undefined) return KNOWN_EACH;
  const { subject, issuer, serial } = facts;
  return KNOWN_EACH + (subject?.length ?? 0) + (issuer?.length ?? 0) + (serial?.length ?? 0);
}
