import { createDecipheriv, createPublicKey, diffieHellman, generateKeyPairSync, hkdfSync } from "node:crypto";
import {
  BASE_SHARE_BYTES,
  RELEASE_INFO,
  VOLUME_KEY_BYTES,
  VOLUME_KEY_INFO,
  type VolumeKeyAnswer,
} from "../../core/contract/key-release.ts";
import { Secret } from "../../core/secret.ts";

const IV_BYTES = 12;
const TAG_BYTES = 16;

export interface KeyExchange {
  /** X25519 (RFC 7748), raw 32 octets, base64. */
  readonly publicKey: string;
  /** Base's share out of its answer. Throws when the answer is not for this exchange, nonce and sensor. */
  openShare(answer: Extract<VolumeKeyAnswer, { state: "released" }>, nonce: string, sensorId: string): Secret;
}

/** One exchange, for one request: the private half lives in this object only. */
export function beginKeyExchange(): KeyExchange {
  const { privateKey, publicKey } = generateKeyPairSync("x25519");
  return {
    publicKey: Buffer.from(String(publicKey.export({ format: "jwk" }).x), "base64url").toString("base64"),
    openShare(answer, nonce, sensorId) {
      const theirs = Buffer.from(answer.ephemeralPublicKey, "base64").toString("base64url");
      const theirKey = createPublicKey({ key: { kty: "OKP", crv: "X25519", x: theirs }, format: "jwk" });
      const shared = diffieHellman({ privateKey, publicKey: theirKey });
      const nonceBytes = Buffer.from(nonce, "base64");
      const key = Buffer.from(hkdfSync("sha256", shared, nonceBytes, RELEASE_INFO + sensorId, 32));
      try {
        const sealed = Buffer.from(answer.sealedShare, "base64");
        const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, IV_BYTES), {
          authTagLength: TAG_BYTES,
        });
        decipher.setAAD(nonceBytes);
        decipher.setAuthTag(sealed.subarray(IV_BYTES + BASE_SHARE_BYTES));
        const share = decipher.update(sealed.subarray(IV_BYTES, IV_BYTES + BASE_SHARE_BYTES));
        decipher.final(); // throws unless the tag fits
        return new Secret(share);
      } finally {
        shared.fill(0);
        key.fill(0);
      }
    },
  };
}

/** K_luks of a box without a TPM: HKDF-SHA-256 (RFC 5869) of base's share. */
export function deriveVolumeKey(baseShare: Secret, sensorId: string): Secret {
  const salt = Buffer.from(sensorId, "hex");
  return new Secret(new Uint8Array(hkdfSync("sha256", baseShare.reveal(), salt, VOLUME_KEY_INFO, VOLUME_KEY_BYTES)));
}
