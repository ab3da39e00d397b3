import type { CumulativeEntropy, EntropyProfile, ProfileDirection, ProfileRange } from "./entropy-profile.ts";
import type { Protocol } from "./protocol.ts";

const FIRST_FROM_OCTETS = 64;
const LAST_FROM_OCTETS = 32_768;
/** Ranges of fewer sessions have no bounds: they would be those of chance. */
const SESSIONS_LEAST = 8;
const BITS_MAX = 8;

export interface LearnerSettings {
  /** Of the sessions, this part may lie below, and as many above. */
  readonly quantile: number;
  /** Bits a byte on either side; half as much again for the fewest sessions that make a range. */
  readonly marginBits: number;
}

/** Learns the bounds of a protocol. Ranges double in length, from 64 octets on. */
export class ProfileLearner {
  readonly #settings: LearnerSettings;
  /** By direction, then by range: the least and the most of each session. */
  readonly #seen: Record<ProfileDirection, { least: number[]; most: number[] }[]> = { client: [], server: [] };

  constructor(settings: LearnerSettings) {
    this.#settings = settings;
  }

  /** One direction of one session. */
  add(direction: ProfileDirection, points: readonly CumulativeEntropy[]): void {
    const ofSession = new Map<number, number[]>();
    for (const { octets, bitsPerByte } of points) {
      if (octets < FIRST_FROM_OCTETS) continue;
      const index = Math.floor(Math.log2(Math.min(octets, LAST_FROM_OCTETS) / FIRST_FROM_OCTETS));
      ofSession.set(index, [...(ofSession.get(index) ?? []), bitsPerByte]);
    }
    const seen = this.#seen[direction];
    for (const [index, values] of ofSession) {
      while (seen.length <= index) seen.push({ least: [], most: [] });
      seen[index]?.least.push(Math.min(...values));
      seen[index]?.most.push(Math.max(...values));
    }
  }

  /** A protocol that encrypts may do so as early as it likes: there the upper bound is 8. */
  profile(protocol: Pick<Protocol, "name" | "encrypts">, source: string): EntropyProfile {
    const { name, encrypts } = protocol;
    const client = this.#ranges("client", encrypts);
    return { protocol: name, source, client, server: this.#ranges("server", encrypts) };
  }

  #ranges(direction: ProfileDirection, encrypts: boolean): ProfileRange[] {
    const { quantile, marginBits } = this.#settings;
    return this.#seen[direction].flatMap(({ least, most }, index) => {
      const sessions = least.length;
      if (sessions < SESSIONS_LEAST) return [];
      const from = FIRST_FROM_OCTETS * 2 ** index;
      const margin = marginBits * (1 + SESSIONS_LEAST / (2 * sessions));
      const lower = Math.max(0, quantileOf(least, quantile) - margin);
      const upper = encrypts ? BITS_MAX : Math.min(BITS_MAX, quantileOf(most, 1 - quantile) + margin);
      const to = from === LAST_FROM_OCTETS ? 65_535 : 2 * from - 1;
      return [{ from, to, lower: round3(lower), upper: round3(upper), sessions }];
    });
  }
}

/** The value that a part of them is at or below. */
function quantileOf(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.round(part * (sorted.length - 1))] as number;
}

function round3(value: number): number {
  return Math.round(value * 1000) / 1000;
}
