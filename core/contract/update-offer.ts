import { readObject, readText } from "../checked-json.ts";
import { VERSION_PATTERN, VERSION_WORDS } from "../version.ts";
import { REFUSAL_REASONS, type RefusalReason } from "./update-refusal.ts";
import { PROFILE_PATTERN } from "./update-set.ts";

/**
 * Updates, over the tunnel and mutual TLS, as key release. `POST /v1/update/offer` takes an OfferRequest and answers an OfferAnswer.
 * `GET /v1/update/set/PROFILE/VERSION/NAME` gives a file of a set, or with `Range: bytes=N-` its rest. Its ETag is the SHA-256 that
 * SHA256SUMS has of it; `If-Match` makes sure that the rest is of the same file (RFC 9110, sections 13.1.1 and 14.2).
 */
export const OFFER_PATH = "/v1/update/offer";
export const SET_PATH = "/v1/update/set/";
const REFUSED_MAX = 64;

export interface OfferRequest {
  /** Of the booted slot. */
  readonly version: string;
  readonly profile: string;
  /** What this box doesn't take, and why. */
  readonly refused: readonly RefusedVersion[];
}

export interface RefusedVersion {
  readonly version: string;
  readonly reason: RefusalReason;
}

export interface OfferAnswer {
  /** null: nothing for this sensor, now. */
  readonly version: string | null;
  /** What is here, but must not be taken any more, even when it was fetched whole. */
  readonly withdrawn: readonly string[];
}

/** Throws a ConfigError. */
export function readOfferRequest(json: unknown): OfferRequest {
  const path = "offer";
  const object = readObject(json, path, ["version", "profile", "refused"]);
  return {
    version: readText(object, "version", path, VERSION_WORDS, VERSION_PATTERN),
    profile: readText(object, "profile", path, "a profile's name", PROFILE_PATTERN),
    refused: readList(object.refused).map((item) => {
      const refused = readObject(item, `${path}.refused`, ["version", "reason"]);
      const reasons = new RegExp(`^(?:${REFUSAL_REASONS.join("|")})$`);
      return {
        version: readText(refused, "version", `${path}.refused`, VERSION_WORDS, VERSION_PATTERN),
        reason: readText(refused, "reason", `${path}.refused`, "a reason", reasons) as RefusalReason,
      };
    }),
  };
}

/** Throws a ConfigError. */
export function readOfferAnswer(json: unknown): OfferAnswer {
  const path = "answer";
  const object = readObject(json, path, ["version", "withdrawn"]);
  return {
    version: object.version === null ? null : readText(object, "version", path, VERSION_WORDS, VERSION_PATTERN),
    withdrawn: readList(object.withdrawn).filter(
      (item): item is string => typeof item === "string" && VERSION_PATTERN.test(item),
    ),
  };
}

function readList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value.slice(0, REFUSED_MAX) : [];
}
