import type { SeededRandom } from "../support/seeded-random.ts";

/** Something that takes hostile octets. */
export interface Target {
  readonly name: string;
  /** Inputs to begin with, beside those of the corpus. */
  readonly seeds: () => readonly Uint8Array[];
  /** Changes an input as its format would have it; octets anywhere otherwise. */
  readonly mutate?: (input: Uint8Array, random: SeededRandom) => Uint8Array;
  /** What is put into an input as it is. */
  readonly dictionary?: readonly string[];
  /** What an input is made of, behind `fixed`: any of the parts may be left out. Octets otherwise. */
  readonly partsOf?: (input: Uint8Array) => { readonly fixed: Uint8Array; readonly parts: readonly Uint8Array[] };
  /** Takes inputs, one after the other; throws when something is not as it must be. */
  readonly start: () => (input: Uint8Array) => void;
}
