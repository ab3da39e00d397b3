import { FORMAT_COMPRESSED, FORMAT_TEXT, type Format } from "./recognise-format.ts";
import type { Protocol } from "./recognise-protocol.ts";

export type Kind = "plain" | "compressed" | "encrypted" | "unknown";

export interface Verdict {
  /** 0..1 */
  readonly pEncrypted: number;
  readonly kind: Kind;
}

/** What is known of one direction. */
export interface Evidence {
  /** Of the sample; null: too short to be measured. */
  readonly randomness: number | null;
  /** Of the flattest window, the sample included. */
  readonly flattest: number | null;
  readonly entropyBitsPerByte: number;
  /** What its first octets say. */
  readonly format: Format;
  /** What octets from within say; they are only looked at where nothing else explains them. */
  readonly windowFormat: Format;
  /** Of octets from within: of encryption against compression (encryption-model.ts); null where they were too few, or not looked at. */
  readonly odds: number | null;
}

/** Randomness at which flatness alone says as much for encryption as against, and how steep the change is. */
const EVEN_RANDOMNESS = 1.3;
const STEEPNESS = 6;
/** Bits a byte under which a sample is no compressed data. */
const PLAIN_ENTROPY = 6.8;
/** Of what is too short to be measured. */
const P_SHORT = 0.05;
/** Of what is compressed by the look of octets from within, and as flat as random. */
const P_WITHIN = 0.2;
/** Odds of what is flat and was not looked at from within. */
const ODDS_UNKNOWN = 0.99;
/** Odds up to which it is rather compressed: those of 1 % of random windows of 4 KiB, of 3 % at 1 KiB. */
const ODDS_COMPRESSED = 0.25;
/** Of a protocol that may encrypt, where the sample is not flat: more than of any that doesn't. */
const P_MIXED = 0.45;

/** Judges one direction. Flat samples of a protocol in clear are taken for downloads of something compressed. */
export function judge(evidence: Evidence, protocol: Protocol | undefined): Verdict {
  const { randomness, format } = evidence;
  const flatness = flatnessOf(randomness);
  if (protocol?.content === "encrypted") return { pEncrypted: 0.9 + 0.1 * flatness, kind: "encrypted" };
  if (protocol?.content === "mixed" && (flatness > 0.3 || randomness === null))
    return { pEncrypted: 0.8 + 0.2 * flatness, kind: "encrypted" };
  if (protocol?.content === "mixed") return { pEncrypted: P_MIXED, kind: "plain" };
  if (format === FORMAT_COMPRESSED) return { pEncrypted: 0.1 * flatness, kind: "compressed" };
  if (protocol?.content === "media") return { pEncrypted: 0.1 * flatness, kind: "compressed" };
  if (protocol !== undefined)
    return flatness < 0.5
      ? { pEncrypted: 0.1 * flatness, kind: "plain" }
      : { pEncrypted: 0.4 * flatness, kind: "compressed" };
  return judgeUnexplained(evidence);
}

function judgeUnexplained(evidence: Evidence): Verdict {
  const { randomness, flattest, entropyBitsPerByte, format, windowFormat, odds } = evidence;
  if (randomness === null) return { pEncrypted: P_SHORT, kind: format === FORMAT_TEXT ? "plain" : "unknown" };
  const flatness = flatnessOf(randomness);
  if (windowFormat === FORMAT_COMPRESSED) return { pEncrypted: P_WITHIN * flatness, kind: "compressed" };
  if (randomness < 1) {
    const within = odds ?? ODDS_UNKNOWN;
    return { pEncrypted: flatness * within, kind: within > ODDS_COMPRESSED ? "encrypted" : "unknown" };
  }
  if (flattest !== null && flattest < 1) return { pEncrypted: 0.7 * flatnessOf(flattest), kind: "unknown" };
  if (entropyBitsPerByte < PLAIN_ENTROPY || format === FORMAT_TEXT)
    return { pEncrypted: 0.1 * flatness, kind: "plain" };
  return { pEncrypted: 0.8 * flatness, kind: flatness > 0.2 ? "unknown" : "plain" };
}

/** 1: as flat as random; 0: not at all, or too short to be measured. */
function flatnessOf(randomness: number | null): number {
  return randomness === null ? 0 : 1 / (1 + Math.exp(STEEPNESS * (randomness - EVEN_RANDOMNESS)));
}
