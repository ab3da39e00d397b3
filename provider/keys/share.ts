import {
  createCipheriv,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  randomBytes,
} from "node:crypto";
import { RELEASE_INFO } from "../../core/contract/key-release.ts";
import type { Secret } from "../../core/secret.ts";
import { newKey, unwrap, wrap } from "./wrap.ts";

/** S_base at rest: under the sensor's own wrapping key (to delete that is to shred it), which is under the master key. */
export interface SealedShare {
  readonly wrappedShare: Uint8Array;
  readonly wrappedWrappingKey: Uint8Array;
}

export function sealShare(masterKey: Secret, sensorId: string, share: Secret): SealedShare {
  const wrappingKey = newKey();
  const wrappedShare = wrap(wrappingKey, share, `cepa-share ${sensorId}`);
  const wrappedWrappingKey = wrap(masterKey, wrappingKey, `cepa-wrapping-key ${sensorId}`);
  wrappingKey.wipe();
  return { wrappedShare, wrappedWrappingKey };
}

/** undefined: not sealed under this master key for this sensor. */
export function openShare(masterKey: Secret, sensorId: string, sealed: SealedShare): Secret | undefined {
  const wrappingKey = unwrap(masterKey, sealed.wrappedWrappingKey, `cepa-wrapping-key ${sensorId}`);
  const share = wrappingKey && unwrap(wrappingKey, sealed.wrappedShare, `cepa-share ${sensorId}`);
  wrappingKey?.wipe();
  return share;
}

/**
 * The share for one request, as `sealedShare` and `ephemeralPublicKey` of VolumeKeyAnswer. undefined when the sensor's
 * key is no X25519 public key (or one of small order, RFC 7748, section 6.1).
 */
export function sealForSensor(
  share: Secret,
  sensorId: string,
  nonce: string,
  theirPublicKey: string,
): { readonly ephemeralPublicKey: string; readonly sealedShare: string } | undefined {
  const { privateKey, publicKey } = generateKeyPairSync("x25519");
  const nonceBytes = Buffer.from(nonce, "base64");
  let shared: Buffer;
  try {
    const x = Buffer.from(theirPublicKey, "base64").toString("base64url");
    const theirKey = createPublicKey({ key: { kty: "OKP", crv: "X25519", x }, format: "jwk" });
    shared = diffieHellman({ privateKey, publicKey: theirKey });
  } catch {
    return undefined;
  }
  const key = Buffer.from(hkdfSync("sha256", shared, nonceBytes, RELEASE_INFO + sensorId, 32));
  const iv = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, iv);
  cipher.setAAD(nonceBytes);
  const sealed = Buffer.concat([iv, cipher.update(share.reveal()), cipher.final(), cipher.getAuthTag()]);
  shared.fill(0);
  key.fill(0);
  return {
    ephemeralPublicKey: Buffer.from(String(publicKey.export({ format: "jwk" }).x), "base64url").toString("base64"),
    sealedShare: sealed.toString("base64"),
  };
}
