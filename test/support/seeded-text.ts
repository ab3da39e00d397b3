import { SeededRandom } from "./seeded-random.ts";

const WORDS = 4000;

/** A reproducible text of `length` octets: words of small letters, some far more frequent than others. */
export function seededText(length: number, seed: number): Uint8Array {
  const random = new SeededRandom(seed);
  const words = Array.from({ length: WORDS }, () =>
    Array.from({ length: 2 + random.below(8) }, () => String.fromCharCode(0x61 + random.below(26))).join(""),
  );
  const text = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const word = words[Math.floor(WORDS * (random.next() / 2 ** 32) ** 3)] as string;
    for (let i = 0; i <= word.length && at < length; i++) text[at++] = i < word.length ? word.charCodeAt(i) : 0x20;
  }
  return text;
}
