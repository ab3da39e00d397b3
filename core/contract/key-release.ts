import { readBoolean, readObject, readText } from "../checked-json.ts";
import type { HealthRecord } from "./health.ts";
import { SENSOR_ID_PATTERN } from "./identity.ts";

/**
 * Key release, over the tunnel and mutual TLS. `POST /v1/challenge` (no body) answers a Challenge; `POST /v1/volume-key`
 * takes a VolumeKeyRequest and answers a VolumeKeyAnswer with status 200, also when it refuses.
 */
export const CHALLENGE_PATH = "/v1/challenge";
export const VOLUME_KEY_PATH = "/v1/volume-key";
export const NONCE_BYTES = 32;
export const NONCE_LIFE_MS = 30_000;
/** S_base, base's share, and the passphrase of the LUKS key slot that is derived from it. */
export const BASE_SHARE_BYTES = 32;
export const VOLUME_KEY_BYTES = 64;

export interface Challenge {
  /** 32 octets, base64; for one request, within 30 s. */
  readonly nonce: string;
}

export interface VolumeKeyRequest {
  readonly sensorId: string;
  readonly nonce: string;
  /** /proc/sys/kernel/random/boot_id, 32 hexadecimal digits without dashes. */
  readonly bootId: string;
  /** X25519, raw 32 octets, base64: the answer is encrypted to it. */
  readonly ephemeralPublicKey: string;
  /** UUID of the LUKS header found on the store; null when there is none or it can't be read. */
  readonly luksUuid: string | null;
  readonly health: HealthRecord | null;
}

export type KeyRefusal = "notActive" | "wrongSource" | "badNonce" | "tooMany" | "hold" | "badRequest";

export type VolumeKeyAnswer =
  | {
      readonly state: "released";
      /** true once, at enrolment: a store without a LUKS header may be formatted with this key. */
      readonly format: boolean;
      /** X25519, raw 32 octets, base64. */
      readonly ephemeralPublicKey: string;
      /**
       * Base64 of IV (12 octets), AES-256-GCM ciphertext of S_base (32), tag (16). Key: HKDF-SHA-256 of the X25519 shared
       * secret, salt = nonce, info = "cepa-key-release-1" ‖ sensor id (hexadecimal); the nonce is the additional data.
       */
      readonly sealedShare: string;
    }
  | { readonly state: "refused"; readonly why: KeyRefusal };

/** Sent once over the link after a format, so that base never says `format` again. */
export interface FormatReport {
  readonly luksUuid: string;
}

/** HKDF-SHA-256 info of K_luks = HKDF(S_base ‖ S_tpm, salt = sensor id octets, info, 64 octets). */
export const VOLUME_KEY_INFO = "cepa-volume-key-1";
export const RELEASE_INFO = "cepa-key-release-1";

const BASE64_32 = /^[A-Za-z0-9+/]{43}=$/;

export function readChallenge(json: unknown): Challenge {
  const object = readObject(json, "challenge", ["nonce"]);
  return { nonce: readText(object, "nonce", "challenge", "32 octets in base64", BASE64_32) };
}

export function readVolumeKeyRequest(json: unknown): VolumeKeyRequest {
  const path = "request";
  const object = readObject(json, path, ["sensorId", "nonce", "bootId", "ephemeralPublicKey", "luksUuid", "health"]);
  return {
    sensorId: readText(object, "sensorId", path, "16 hexadecimal digits", SENSOR_ID_PATTERN),
    nonce: readText(object, "nonce", path, "32 octets in base64", BASE64_32),
    bootId: readText(object, "bootId", path, "32 hexadecimal digits", /^[0-9a-f]{32}$/),
    ephemeralPublicKey: readText(object, "ephemeralPublicKey", path, "32 octets in base64", BASE64_32),
    luksUuid: object.luksUuid === null ? null : readText(object, "luksUuid", path, "a UUID or null", /^[0-9a-f-]{36}$/),
    health: (object.health ?? null) as HealthRecord | null,
  };
}

export function readVolumeKeyAnswer(json: unknown): VolumeKeyAnswer {
  const path = "answer";
  const object = readObject(json, path, ["state", "format", "ephemeralPublicKey", "sealedShare", "why"]);
  const state = readText(object, "state", path, "released or refused", /^(?:released|refused)$/);
  if (state === "refused") {
    const why = /^(?:notActive|wrongSource|badNonce|tooMany|hold|badRequest)$/;
    return { state, why: readText(object, "why", path, "a reason", why) as KeyRefusal };
  }
  return {
    state: "released",
    format: readBoolean(object, "format", path),
    ephemeralPublicKey: readText(object, "ephemeralPublicKey", path, "32 octets in base64", BASE64_32),
    sealedShare: readText(object, "sealedShare", path, "60 octets in base64", /^[A-Za-z0-9+/]{80}$/),
  };
}
