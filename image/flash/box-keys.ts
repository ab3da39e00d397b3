import "reflect-metadata";
import { generateKeyPairSync, webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

/** Keys of one box: what base gets to see, and what only the box ever has (PEM, PKCS #8, as octets to be zeroed). */
export interface BoxKeys {
  readonly csrPem: string;
  readonly emergencyPublicKeyPem: string;
  readonly privateKeyPem: Uint8Array;
  readonly emergencyKeyPem: Uint8Array;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** EC P-256 with a request (RFC 2986) for CN = `sensorId`, and Ed25519 for emergency messages. */
export async function makeBoxKeys(sensorId: string): Promise<BoxKeys> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const request = await x509.Pkcs10CertificateRequestGenerator.create(
    { name: [{ CN: [sensorId] }], keys, signingAlgorithm: ALGORITHM },
    webcrypto as unknown as Crypto,
  );
  const der = new Uint8Array(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey));
  const emergency = generateKeyPairSync("ed25519");
  const emergencyDer = emergency.privateKey.export({ format: "der", type: "pkcs8" });
  try {
    return {
      csrPem: `${request.toString("pem")}\n`,
      emergencyPublicKeyPem: String(emergency.publicKey.export({ format: "pem", type: "spki" })),
      privateKeyPem: pemOf(der),
      emergencyKeyPem: pemOf(emergencyDer),
    };
  } finally {
    der.fill(0);
    emergencyDer.fill(0);
  }
}

const LINE_CHARACTERS = 64;
const ALPHABET = new TextEncoder().encode("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
const PADDING = 61; // "="

/** RFC 7468, made without a string, which could not be zeroed. */
function pemOf(der: Uint8Array): Uint8Array {
  const encoder = new TextEncoder();
  const begin = encoder.encode("-----BEGIN PRIVATE KEY-----\n");
  const end = encoder.encode("\n-----END PRIVATE KEY-----\n");
  const characters = Math.ceil(der.length / 3) * 4;
  const pem = new Uint8Array(begin.length + characters + Math.floor((characters - 1) / LINE_CHARACTERS) + end.length);
  pem.set(begin);
  let at = begin.length;
  for (let i = 0, written = 0; i < der.length; i += 3) {
    const [a = 0, b = 0, c = 0] = der.subarray(i, i + 3);
    const bits = (a << 16) | (b << 8) | c;
    for (let k = 0; k < 4; k++, written++) {
      if (written > 0 && written % LINE_CHARACTERS === 0) pem[at++] = 10;
      pem[at++] = i + k > der.length ? PADDING : (ALPHABET[(bits >> (18 - 6 * k)) & 63] ?? PADDING);
    }
  }
  pem.set(end, at);
  return pem;
}
