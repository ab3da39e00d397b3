import type { SeededRandom } from "../support/seeded-random.ts";

/** No input grows beyond this. */
export const INPUT_MAX_BYTES = 64 * 1024;
/** What lengths, offsets and types like to be wrong by. */
const ODD_OCTETS = [0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff, 0x0a, 0x0d, 0x20];
const ODD_WORDS = [0x0000, 0x0001, 0x0014, 0x0028, 0x7fff, 0x8000, 0xfffe, 0xffff];

type Mutation = (bytes: Uint8Array, random: SeededRandom) => Uint8Array;

const flipBit: Mutation = (bytes, random) => {
  const at = random.below(bytes.length);
  bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
  return bytes;
};

const setOctet: Mutation = (bytes, random) => {
  bytes[random.below(bytes.length)] = random.next();
  return bytes;
};

const setOddOctet: Mutation = (bytes, random) => {
  bytes[random.below(bytes.length)] = pick(ODD_OCTETS, random);
  return bytes;
};

const setOddWord: Mutation = (bytes, random) => {
  const word = pick(ODD_WORDS, random);
  const at = random.below(bytes.length);
  bytes[at] = word >>> 8;
  if (at + 1 < bytes.length) bytes[at + 1] = word;
  return bytes;
};

const addToOctet: Mutation = (bytes, random) => {
  const at = random.below(bytes.length);
  bytes[at] = (bytes[at] as number) + random.below(33) - 16;
  return bytes;
};

const remove: Mutation = (bytes, random) => {
  const from = random.below(bytes.length);
  return splice(bytes, from, spanOf(bytes.length - from, random), new Uint8Array(0));
};

const repeat: Mutation = (bytes, random) => {
  const from = random.below(bytes.length);
  const span = spanOf(bytes.length - from, random);
  return splice(bytes, random.below(bytes.length + 1), 0, bytes.slice(from, from + span));
};

const insertRandom: Mutation = (bytes, random) => {
  const fresh = new Uint8Array(spanOf(64, random));
  random.fill(fresh);
  return splice(bytes, random.below(bytes.length + 1), 0, fresh);
};

const copyWithin: Mutation = (bytes, random) => {
  const from = random.below(bytes.length);
  return bytes.copyWithin(random.below(bytes.length), from, from + spanOf(bytes.length - from, random));
};

const cut: Mutation = (bytes, random) => bytes.slice(0, 1 + random.below(bytes.length));

const MUTATIONS = [
  flipBit,
  setOctet,
  setOddOctet,
  setOddWord,
  addToOctet,
  remove,
  repeat,
  insertRandom,
  copyWithin,
  cut,
];

/** One to 16 changes, few more often than many. The input stays as it is. */
export function mutateOctets(
  input: Uint8Array,
  random: SeededRandom,
  dictionary: readonly Uint8Array[] = [],
): Uint8Array {
  let bytes: Uint8Array = new Uint8Array(input);
  for (let rounds = 1 << random.below(5); rounds > 0; rounds--) {
    if (bytes.length === 0) bytes = new Uint8Array(1);
    const token = dictionary.length > 0 && random.below(6) === 0 ? pick(dictionary, random) : undefined;
    bytes =
      token === undefined
        ? pick(MUTATIONS, random)(bytes, random)
        : splice(bytes, random.below(bytes.length + 1), random.below(2) === 0 ? 0 : token.length, token);
  }
  return bytes.subarray(0, INPUT_MAX_BYTES);
}

export function pick<T>(list: readonly T[], random: SeededRandom): T {
  return list[random.below(list.length)] as T;
}

/** 1 to `limit` octets, short ones more often. */
function spanOf(limit: number, random: SeededRandom): number {
  return 1 + random.below(Math.min(limit, 1 << random.below(11)));
}

function splice(bytes: Uint8Array, at: number, removed: number, added: Uint8Array): Uint8Array {
  const rest = bytes.subarray(Math.min(bytes.length, at + removed));
  const result = new Uint8Array(at + added.length + rest.length);
  result.set(bytes.subarray(0, at));
  result.set(added, at);
  result.set(rest, at + added.length);
  return result;
}
