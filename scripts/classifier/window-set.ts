import { createCipheriv } from "node:crypto";
import { describeWindow, WINDOW_FEATURES } from "../../appliance/entropy/window-features.ts";
import { RandomStream } from "../traffic/random-stream.ts";
import { listCompressors, MATERIAL_BYTES } from "./compressors.ts";
import { takeMaterial } from "./material.ts";
import { makePicture } from "./picture.ts";

/** Windows of compressed and of encrypted data, as many of each. */
export interface WindowSet {
  /** A row of WINDOW_FEATURES a window. */
  readonly features: Float32Array;
  /** 1: encrypted; 0: compressed. */
  readonly labels: Uint8Array;
  readonly lengths: Uint16Array;
  readonly formats: readonly string[];
}

export const ENCRYPTED = "encrypted";
export const LONGEST_BYTES = 4096;
const LENGTHS = [256, 512, 1024, 1500, 2048, 3000, LONGEST_BYTES, LONGEST_BYTES] as const;
const CIPHERS = ["aes-128-ctr", "aes-256-ctr", "aes-256-cbc", "chacha20", "camellia-256-ctr"] as const;
const PICTURES = 40;
const WINDOWS_OF_PIECE = 8;
/** Windows are cut from behind this: the head of a format is recognised by its structure. */
const HEAD_BYTES = 100;
const LEAST_PIECE_BYTES = 1024;

/** The same seed gives the same windows where the encoders are of the same versions. */
export function makeWindowSet(seed: number, piecesOfFormat: number): WindowSet {
  const random = new RandomStream(seed);
  const compressors = listCompressors(Array.from({ length: PICTURES }, () => makePicture(random)));
  const windows = 2 * compressors.size * piecesOfFormat * WINDOWS_OF_PIECE;
  const features = new Float32Array(windows * WINDOW_FEATURES);
  const labels = new Uint8Array(windows);
  const lengths = new Uint16Array(windows);
  const formats: string[] = [];
  const row = new Float64Array(WINDOW_FEATURES);
  const cut = (format: string, piece: Uint8Array) => {
    for (let left = WINDOWS_OF_PIECE; left > 0; left--) {
      const length = Math.min(random.pick(LENGTHS), piece.length - HEAD_BYTES);
      const from = HEAD_BYTES + random.below(piece.length - HEAD_BYTES - length + 1);
      describeWindow(piece, from, from + length, row);
      const index = formats.length;
      features.set(row, index * WINDOW_FEATURES);
      labels[index] = format === ENCRYPTED ? 1 : 0;
      lengths[index] = length;
      formats.push(format);
    }
  };
  for (let left = piecesOfFormat; left > 0; left--)
    for (const [format, compress] of compressors) {
      let piece = compress(random);
      while (piece.length < LEAST_PIECE_BYTES) piece = compress(random);
      cut(format, piece);
      cut(ENCRYPTED, encrypt(random));
    }
  return { features, labels, lengths, formats };
}

function encrypt(random: RandomStream): Uint8Array {
  const cipher = random.pick(CIPHERS);
  const key = random.bytes(cipher === "aes-128-ctr" ? 16 : 32);
  return createCipheriv(cipher, key, random.bytes(16)).update(takeMaterial(random, MATERIAL_BYTES));
}
